"""Submission under other addresses than one's own: aliases, and what `posthorn account send-as` gives."""

import smtplib

import pytest

from server import DOMAIN, make_raw


def submit(server, account, sender: str, to) -> None:
    with server.smtp(account) as client:
        client.sendmail(sender, [str(to)], make_raw())


def refused(server, account, sender: str) -> None:
    with pytest.raises(smtplib.SMTPDataError) as error:
        submit(server, account, sender, account)
    assert error.value.smtp_code == 550


def test_right_is_given_and_taken(server, anna, bert):
    refused(server, anna, bert.address)
    assert server.admin("account", "send-as", anna.address, "--add", bert.address) == f"MAY SEND AS\n{bert}\n"
    submit(server, anna, bert.address, bert)
    assert f"Return-Path: <{bert}>".encode() in server.messages(bert)[0]
    submit(server, anna, f"{bert.name}+news@{DOMAIN}", bert)
    assert server.rows("account", "send-as", anna.address, "--remove", bert.address) == []
    refused(server, anna, bert.address)
    assert server.command("account", "send-as", anna.address, "--remove", bert.address).returncode == 2


def test_whole_domain(server, anna):
    domain = f"of-{anna.name}.example"
    server.admin("domain", "add", domain)
    refused(server, anna, f"whoever@{domain}")
    assert server.rows("account", "send-as", anna.address, "--add", domain) == [{"address": f"@{domain}"}]
    submit(server, anna, f"whoever@{domain}", anna)
    server.messages(anna)


def test_member_of_a_group_needs_the_right(server, anna):
    group = f"group.{anna.address}"
    server.admin("group", "add", group, anna.address)
    refused(server, anna, group)
    server.admin("account", "send-as", anna.address, "--add", group)
    submit(server, anna, group, anna)
    server.messages(anna)
