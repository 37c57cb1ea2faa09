"""Whose mail it is: sub-addresses, aliases, the catch-all, groups."""

import smtplib

import pytest

from server import Account, DOMAIN, make_raw


def test_sub_address_reaches_the_account(server, anna):
    server.deliver(f"{anna.name}+lists@{DOMAIN}", make_raw())
    server.deliver(f"{anna.name.upper()}@{DOMAIN.upper()}", make_raw())
    server.messages(anna, 2)


def test_alias_leads_to_the_account_until_it_is_removed(server, anna):
    alias = f"office.{anna.address}"
    server.admin("alias", "add", alias, anna.address)
    assert {"address": alias, "targets": [anna.address]} in server.rows("alias", "list", DOMAIN)
    server.deliver(alias, make_raw())
    server.messages(anna)
    server.admin("alias", "remove", alias)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.deliver(alias, make_raw())


def test_group_reaches_each_member_once(server, anna, bert):
    group = f"group.{anna.address}"
    server.admin("group", "add", group, anna.address, bert.address, f"{anna.name}+again@{DOMAIN}")
    server.deliver(group, make_raw())
    for account in (anna, bert):
        server.messages(account)
    server.admin("group", "member", "remove", group, bert.address)
    server.deliver(group, make_raw())
    server.messages(anna, 2)
    server.messages(bert, 1)


def test_member_from_outside_waits_in_the_queue(server, anna):
    group = f"group.{anna.address}"
    outside = f"{anna.name}@elsewhere.example"
    server.admin("group", "add", group, anna.address, outside)
    server.deliver(group, make_raw())
    server.messages(anna)
    rows = server.queued(outside)
    assert len(rows) == 1
    server.admin("queue", "drop", rows[0]["id"], "--yes")


def test_catch_all_takes_what_nobody_has(server, anna):
    domain = f"all-of-{anna.name}.example"
    server.admin("domain", "add", domain)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.deliver(f"whoever@{domain}", make_raw())
    server.admin("domain", "catch-all", domain, anna.address)
    server.deliver(f"whoever@{domain}", make_raw())
    server.messages(anna)
    server.admin("domain", "catch-all", domain)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.deliver(f"whoever@{domain}", make_raw())


def test_renamed_account_keeps_its_mail(server, anna):
    server.deliver(anna, make_raw())
    server.messages(anna)
    renamed = Account(f"new.{anna.address}", anna.password)
    server.admin("account", "rename", anna.address, renamed.address)
    server.deliver(renamed, make_raw())
    server.messages(renamed, 2)


def test_removed_account_is_unknown(server, anna):
    server.deliver(anna, make_raw())
    server.messages(anna)
    server.admin("account", "remove", anna.address, "--yes")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.deliver(anna, make_raw())
