#include "rt/settings.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct settings *parse_good(const char *text)
{
    struct settings *settings = NULL;
    struct error error;
    if (settings_parse(slice_cstr(text), "posthorn.conf", &settings, &error) != ERR_OK)
        fail_msg("%s", error.client);
    return settings;
}

static void refused(const char *text, const char *why)
{
    struct settings *settings = NULL;
    struct error error;
    assert_int_not_equal(settings_parse(slice_cstr(text), "posthorn.conf", &settings, &error), ERR_OK);
    assert_string_equal(error.client, why);
}

static void test_defaults_serve_every_protocol(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = mail.example\n");
    assert_string_equal(s->data_directory, "/var/lib/posthorn/data");
    assert_string_equal(s->run_directory, "/run/posthorn");
    assert_int_equal(s->listen_count, LISTEN_PROTOCOLS - 3); /* without health and ACME */
    assert_string_equal(s->listens[LISTEN_SMTP].address, "::");
    assert_int_equal(s->listens[LISTEN_IMAPS].port, 993);
    assert_string_equal(s->listens[LISTEN_LMTP].address, "/run/posthorn/lmtp.sock");
    assert_int_equal(s->certificate_count, 0);
    assert_int_equal(s->log_level, LOG_INFO);
    assert_false(s->log_json);
    assert_string_equal(s->user_store, "posthorn");
    assert_string_equal(s->user_edge, "posthorn-edge");
    assert_string_equal(s->user_relay, "posthorn-relay");
    assert_true(s->message_size_max == 100 * 1024 * 1024);
    assert_int_equal(s->connections_per_address, 100);
    assert_int_equal(s->sessions_per_account, 100);
    assert_false(s->plaintext_login);
    assert_false(s->full_mailbox_refuse);
    assert_string_equal(s->resolver, "");
    assert_true(s->trusts_private && s->dmarc_enforced && !s->spf_refuses && !s->dmarc_reports);
    assert_false(s->tls_reports);
    assert_false(s->oauth);
    assert_string_equal(s->oauth_claim, "email");
    assert_string_equal(s->ca_file, "/etc/ssl/certs/ca-certificates.crt");
    settings_free(s);
}

static void test_health_listens_on_this_machine_unless_told(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    struct settings *s = parse_good("hostname = a\n"
                                    "listen = none\nhealth-listen = 9999\n");
    assert_int_equal(s->listen_count, 1);
    assert_int_equal(s->listens[0].protocol, LISTEN_HEALTH);
    assert_string_equal(s->listens[0].address, "127.0.0.1");
    assert_int_equal(s->listens[0].port, 9999);
    settings_text(s, &text);
    assert_non_null(strstr(buf_cstr(&text), "health-listen = 127.0.0.1:9999\n"));
    assert_non_null(strstr(buf_cstr(&text), "listen = none\n"));
    settings_free(s);
    s = parse_good("hostname = a\n"
                   "health-listen = [::1]\n");
    assert_string_equal(s->listens[0].address, "::1");
    assert_int_equal(s->listens[0].port, 9420);
    assert_int_equal(s->listen_count, LISTEN_PROTOCOLS - 2);
    settings_free(s);
    refused("health-listen = *:9420\n",
            "posthorn.conf:1: health-listen needs an address; a port alone is 127.0.0.1's");
    refused("health-listen = 123456\n", "posthorn.conf:1: \"123456\" is not an address");
    refused("listen = health\n", "posthorn.conf:1: \"health\" is not a protocol");
}

static void test_hostname_default_is_the_machines(void **state)
{
    (void)state;
    struct settings *s = NULL;
    struct error error;
    enum err e = settings_parse(S(""), "posthorn.conf", &s, &error);
    if (e == ERR_OK)
        assert_true(strlen(s->hostname) > 0);
    else
        assert_int_equal(e, ERR_INVALID); /* a machine with a name that is none */
    settings_free(s);
}

static void test_reads_every_key(void **state)
{
    (void)state;
    struct settings *s = parse_good("# a server\n"
                                    "hostname = Mail.Example # ours\r\n"
                                    "data=/srv/mail/\n"
                                    "run = \"/srv/run of it#1\"\n"
                                    "listen = imap [::1]:1143\n"
                                    "listen = imap 0.0.0.0\n"
                                    "listen = smtp :2525\n"
                                    "listen = pop3 *\n"
                                    "listen = pop3s\n"
                                    "listen = imaps [0:0:0:0:0:0:0:2]\n"
                                    "listen = lmtp /srv/lmtp\n"
                                    "certificate = /a/chain.pem /a/key.pem\n"
                                    "certificate = /b/both.pem\n"
                                    "\tlog-level = debug\n"
                                    "log-format = json\n"
                                    "user-store = mail\n"
                                    "user-edge = nobody\n"
                                    "user-relay = www-data\n"
                                    "message-size-max = 50m\n"
                                    "connections-per-address = 7\n"
                                    "sessions-per-account = 8\n"
                                    "plaintext-login = yes");
    assert_string_equal(s->hostname, "mail.example");
    assert_string_equal(s->data_directory, "/srv/mail");
    assert_string_equal(s->run_directory, "/srv/run of it#1");
    static const struct listen_setting expected[] = {
        {LISTEN_IMAP, "::1", 1143},   {LISTEN_IMAP, "0.0.0.0", 143}, {LISTEN_SMTP, "::", 2525},
        {LISTEN_POP3, "::", 110},     {LISTEN_POP3S, "::", 995},     {LISTEN_IMAPS, "::2", 993},
        {LISTEN_LMTP, "/srv/lmtp", 0}};
    assert_int_equal(s->listen_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(s->listens[i].protocol, expected[i].protocol);
        assert_string_equal(s->listens[i].address, expected[i].address);
        assert_int_equal(s->listens[i].port, expected[i].port);
    }
    assert_int_equal(s->certificate_count, 2);
    assert_string_equal(s->certificates[0].key_file, "/a/key.pem");
    assert_string_equal(s->certificates[1].chain_file, "/b/both.pem");
    assert_string_equal(s->certificates[1].key_file, "/b/both.pem");
    assert_int_equal(s->log_level, LOG_DEBUG);
    assert_true(s->log_json);
    assert_string_equal(s->user_relay, "www-data");
    assert_true(s->message_size_max == 50 * 1024 * 1024);
    assert_int_equal(s->connections_per_address, 7);
    assert_int_equal(s->sessions_per_account, 8);
    assert_true(s->plaintext_login);
    settings_free(s);
}

static void test_text_reads_back_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "hostname = a.example\n",
        "hostname = a.example\nlisten = none\ndnssec-anchor = none\nmta-sts-port = off\n",
        "hostname = a.example\nrun = \"/r u#n\"\nlisten = imap [::1]:1143\nlisten = smtp 127.0.0.1:25\n"
        "listen = lmtp \"/a b\"\ncertificate = \"/a #b\" /c\nlog-level = error\nlog-format = json\n"
        "message-size-max = 65537\nplaintext-login = yes\nfull-mailbox = refuse\n"
        "oauth-introspection = https://id.example/i?a=b\noauth-client = \"post horn\" /s\noauth-audience = "
        "\"a b\"\n"
        "outbound-private = yes\ndnssec-anchor = \"/a b\"\nresolver = [::1]:5353\nca-file = \"/c "
        "a\"\nimap-without = idle, "
        "move\nimap-without-for = "
        "\"Some Mail*\" idle\nimap-without-for = b move, sort\nsasl-without = "
        "login\nclient-ca = /c\nimap-message-limit = 2000\n"
        "trusted-networks = 192.0.2.0/24, private 2001:db8::/32\nspf-policy = refuse\ndmarc-policy = "
        "mark\ndmarc-reports = yes\narc-trusted = lists.example, a.example\n",
        "hostname = a.example\ntrusted-networks = none\n",
        "hostname = a.example\nimap-save-limit = 1000\n",
        "hostname = a.example\nsource-addresses = 192.0.2.1=mx.a.example, 2001:db8::1\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_release) struct buf first = BUF(SETTINGS_FILE_MAX);
        CLEANUP(buf_release) struct buf second = BUF(SETTINGS_FILE_MAX);
        struct settings *s = parse_good(texts[i]);
        settings_text(s, &first);
        size_t listens = s->listen_count;
        settings_free(s);
        s = parse_good(buf_cstr(&first));
        settings_text(s, &second);
        assert_int_equal(s->listen_count, listens);
        settings_free(s);
        assert_string_equal(buf_cstr(&first), buf_cstr(&second));
    }
}

static void test_networks_are_trusted(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = a.example\n");
    static const char *const inside[] = {"127.0.0.9", "10.1.2.3", "172.31.0.1", "192.168.7.7", "169.254.1.1",
                                         "::1",       "fd00::1",  "fe80::1",    "local"};
    static const char *const outside[] = {"192.0.2.1", "172.32.0.1", "11.0.0.1", "2001:db8::1", "::2"};
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        assert_true(settings_trust(s, inside[i]));
    for (size_t i = 0; i < ARRAY_LEN(outside); i++)
        assert_false(settings_trust(s, outside[i]));
    settings_free(s);
    s = parse_good("hostname = a.example\ntrusted-networks = 192.0.2.0/25, 2001:db8::/33\n");
    assert_true(settings_trust(s, "192.0.2.127") && !settings_trust(s, "192.0.2.128"));
    assert_true(settings_trust(s, "2001:db8:7fff::") && !settings_trust(s, "2001:db8:8000::"));
    assert_false(settings_trust(s, "127.0.0.1"));
    settings_free(s);
    s = parse_good("hostname = a.example\ntrusted-networks = none\n");
    assert_false(settings_trust(s, "127.0.0.1") || settings_trust(s, "::1"));
    settings_free(s);
    refused("trusted-networks = 192.0.2.0/33\n",
            "posthorn.conf:1: \"192.0.2.0/33\" is not a network, as 192.0.2.0/24 is");
}

static void test_refuses_more_networks_than_fit(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_FILE_MAX);
    buf_put(&text, S("hostname = a.example\ntrusted-networks = \""));
    for (int i = 0; i < SETTINGS_NETWORKS_MAX; i++)
        buf_printf(&text, "192.0.2.%d,", i);
    size_t fits = text.n;
    buf_put(&text, S("\"\n"));
    settings_free(parse_good(buf_cstr(&text)));
    text.n = fits;
    buf_put(&text, S("192.0.2.200\"\n"));
    refused(buf_cstr(&text), "posthorn.conf:2: more than 64 networks");
}

static void test_misspelt_key_gets_a_suggestion(void **state)
{
    (void)state;
    refused("\n\nhostnam = x\n", "posthorn.conf:3: unknown key \"hostnam\"; did you mean \"hostname\"?");
    refused("dtaa = /x\n", "posthorn.conf:1: unknown key \"dtaa\"; did you mean \"data\"?");
    refused("log-levle = info\n", "posthorn.conf:1: unknown key \"log-levle\"; did you mean \"log-level\"?");
    refused("frobnicate = 1\n", "posthorn.conf:1: unknown key \"frobnicate\"");
    refused("x = 1\n", "posthorn.conf:1: unknown key \"x\"");
    refused("an-overlong-key-that-nobody-would-ever-write-in-a-file = 1\n",
            "posthorn.conf:1: unknown key \"an-overlong-key-that-nobody-woul\"");
}

static void test_refuses_bad_lines(void **state)
{
    (void)state;
    refused("hello\n", "posthorn.conf:1: \"key = value\" is expected");
    refused("hostname =\n", "posthorn.conf:1: the value is missing");
    refused("hostname = # none\n", "posthorn.conf:1: the value is missing");
    refused("hostname = a b\n", "posthorn.conf:1: one word is expected");
    refused("hostname = a b c\n", "posthorn.conf:1: one word is expected");
    refused("listen = imap *:143 more\n",
            "posthorn.conf:1: too many words; \"quotes\" keep one with blanks together");
    refused("certificate = /a /b /c\n",
            "posthorn.conf:1: too many words; \"quotes\" keep one with blanks together");
    refused("data = \"/x\n", "posthorn.conf:1: the closing quote is missing");
    refused("data = /x\ndata = /y\n", "posthorn.conf:2: \"data\" is given twice");
    refused("data = /\x01\n", "posthorn.conf:1: a control character");
}

static void test_refuses_bad_values(void **state)
{
    (void)state;
    refused("hostname = -a.example\n", "posthorn.conf:1: \"-a.example\" is not a host name");
    refused("hostname = a..b\n", "posthorn.conf:1: \"a..b\" is not a host name");
    refused("data = var\n", "posthorn.conf:1: \"var\" is not an absolute path");
    refused("log-level = loud\n", "posthorn.conf:1: \"loud\" is not debug, info, warn or error");
    refused("log-format = xml\n", "posthorn.conf:1: \"xml\" is not text or json");
    refused("plaintext-login = true\n", "posthorn.conf:1: \"true\" is not no or yes");
    refused("user-edge = a/b\n", "posthorn.conf:1: \"a/b\" is not a user's name");
    refused("connections-per-address = 0\n", "posthorn.conf:1: \"0\" is not a number from 1 to 1000000");
    refused("sessions-per-account = 1000001\n",
            "posthorn.conf:1: \"1000001\" is not a number from 1 to 1000000");
}

static void test_refuses_name_servers_that_are_no_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"192.0.2.1", "192.0.2.1:5353", "[::1]", "[2001:db8::1]:53", "system"};
    static const char *const bad[] = {
        "dns.example",     "::1",         "[::1",       "[::1]x",        "192.0.2.1:0",
        "192.0.2.1:65536", "[192.0.2.1]", "192.0.2.1:", "192.0.2.1:53x", "192.0.2"};
    char line[100];
    char why[200];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(line, sizeof(line), "hostname = a.example\nresolver = %s\n", good[i]);
        settings_free(parse_good(line));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof(line), "resolver = %s\n", bad[i]);
        snprintf(why, sizeof(why), "posthorn.conf:1: \"%s\" is not the address of a name server", bad[i]);
        refused(line, why);
    }
    refused("ca-file = certs.pem\n", "posthorn.conf:1: \"certs.pem\" is not an absolute path");
}

static void test_oauth_is_whole_or_not_at_all(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = a\noauth-jwks = https://id.example/keys\n"
                                    "oauth-issuer = https://id.example\noauth-audience = mail\n");
    assert_true(s->oauth);
    assert_string_equal(s->oauth_jwks, "https://id.example/keys");
    assert_string_equal(s->oauth_client, "");
    settings_free(s);
    s = parse_good("hostname = a\noauth-introspection = http://127.0.0.1:80/i\n");
    assert_true(s->oauth);
    settings_free(s);
    s = parse_good("hostname = a\noauth-introspection = none\noauth-claim = username\n");
    assert_false(s->oauth);
    assert_string_equal(s->oauth_claim, "username");
    settings_free(s);
    refused("hostname = a\noauth-jwks = https://a/\noauth-issuer = a\n",
            "posthorn.conf: oauth-jwks needs oauth-issuer and oauth-audience");
    refused("hostname = a\noauth-jwks = https://a/\noauth-audience = a\n",
            "posthorn.conf: oauth-jwks needs oauth-issuer and oauth-audience");
    refused("hostname = a\noauth-jwks = https://a/\noauth-introspection = https://a/\n",
            "posthorn.conf: oauth-jwks or oauth-introspection, not both");
    refused("hostname = a\noauth-client = a /b\n",
            "posthorn.conf: oauth-client is for oauth-introspection, which is not set");
    refused("oauth-client = a\n", "posthorn.conf:1: ID SECRET-FILE is expected");
    refused("oauth-client = a b\n", "posthorn.conf:1: \"b\" is not an absolute path");
    refused("oauth-claim = none\n",
            "posthorn.conf:1: a claim is needed: its account is all that a token is for");
    static const char *const urls[] = {"id.example",
                                       "https://",
                                       "http://id.example/",
                                       "http://localhostile/",
                                       "http://127.0.0.1.example/",
                                       "http://[::1].example/",
                                       "ftp://127.0.0.1/",
                                       "https://\xc3\xa4/"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        char line[100], why[200];
        snprintf(line, sizeof(line), "oauth-jwks = %s\n", urls[i]);
        snprintf(why, sizeof(why), "posthorn.conf:1: \"%s\" is no https URL", urls[i]);
        refused(line, why);
    }
}

static void test_refuses_bad_listeners(void **state)
{
    (void)state;
    refused("listen = gopher\n", "posthorn.conf:1: \"gopher\" is not a protocol");
    refused("listen = imap ::1:143\n", "posthorn.conf:1: an IPv6 address is written in brackets: [::1]:143");
    refused("listen = imap [::1\n", "posthorn.conf:1: \"[::1\" is not an address");
    refused("listen = imap [127.0.0.1]\n", "posthorn.conf:1: \"[127.0.0.1]\" is not an address");
    refused("listen = imap localhost\n", "posthorn.conf:1: \"localhost\" is not an address");
    refused("listen = imap 1.2.3.4:0\n", "posthorn.conf:1: \"0\" is not a port");
    refused("listen = imap 1.2.3.4:65536\n", "posthorn.conf:1: \"65536\" is not a port");
    refused("listen = imap 1.2.3.4:\n", "posthorn.conf:1: \"\" is not a port");
    refused("listen = lmtp\n", "posthorn.conf:1: lmtp needs the path of its socket");
    refused("listen = smtp :25\nlisten = imap [::]:25\n",
            "posthorn.conf:2: smtp listens on this address and port already");
    refused("hostname = a\nlisten = none\nlisten = smtp\n",
            "posthorn.conf: \"listen = none\" stands beside other listeners");
}

static void test_sizes_at_their_limits(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = a\nmessage-size-max = 2G\n");
    assert_true(s->message_size_max == SETTINGS_MESSAGE_SIZE_MOST);
    settings_free(s);
    s = parse_good("hostname = a\nmessage-size-max = 64k\n");
    assert_true(s->message_size_max == SETTINGS_MESSAGE_SIZE_LEAST);
    settings_free(s);
    refused("message-size-max = 2147483649\n",
            "posthorn.conf:1: \"2147483649\" is not a size from 64K to 2G");
    refused("message-size-max = 63K\n", "posthorn.conf:1: \"63K\" is not a size from 64K to 2G");
    refused("message-size-max = 18446744073709551615G\n",
            "posthorn.conf:1: \"18446744073709551615G\" is not a size from 64K to 2G");
    refused("message-size-max = M\n", "posthorn.conf:1: \"M\" is not a size from 64K to 2G");
}

/* hostname and then `count` lines made by the format with a number. */
static char *many_lines(const char *before, unsigned count)
{
    struct buf text = BUF(4 * SETTINGS_FILE_MAX);
    buf_put(&text, S("hostname = a\n"));
    for (unsigned i = 0; i < count; i++)
        buf_printf(&text, "%s%u\n", before, i + 1);
    assert_non_null(buf_cstr(&text));
    return text.p;
}

static void test_counts_at_their_limits(void **state)
{
    (void)state;
    char *text = many_lines("listen = imap :", SETTINGS_LISTEN_MAX);
    settings_free(parse_good(text));
    free(text);
    text = many_lines("listen = imap :", SETTINGS_LISTEN_MAX + 1);
    refused(text, "posthorn.conf:66: more than 64 listeners");
    free(text);
    text = many_lines("certificate = /c", SETTINGS_CERTIFICATES_MAX);
    settings_free(parse_good(text));
    free(text);
    text = many_lines("certificate = /c", SETTINGS_CERTIFICATES_MAX + 1);
    refused(text, "posthorn.conf:1002: more than 1000 certificates");
    free(text);
}

static void test_file_and_path_at_their_limits(void **state)
{
    (void)state;
    char *text = test_malloc(SETTINGS_FILE_MAX + 2);
    int n = snprintf(text, 100, "hostname = a\n");
    memset(text + n, '\n', (size_t)(SETTINGS_FILE_MAX + 1 - n));
    text[SETTINGS_FILE_MAX + 1] = 0;
    refused(text, "posthorn.conf: more than 1048576 bytes");
    text[SETTINGS_FILE_MAX] = 0;
    settings_free(parse_good(text));
    test_free(text);
    char run[200];
    snprintf(run, sizeof(run), "hostname = a\nrun = /%089d\n", 0);
    settings_free(parse_good(run));
    snprintf(run, sizeof(run), "hostname = a\nrun = /%090d\n", 0);
    refused(run, "posthorn.conf:2: the path has more than 90 bytes");
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_reading_a_file_checks_the_files_it_names(void **state)
{
    (void)state;
    char directory[] = "/tmp/posthorn-settings-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char conf[100];
    char certificate[100];
    char text[400];
    char expected[400];
    snprintf(conf, sizeof(conf), "%s/posthorn.conf", directory);
    snprintf(certificate, sizeof(certificate), "%s/c.pem", directory);
    snprintf(text, sizeof(text), "hostname = a\ncertificate = %s\n", certificate);
    write_file(conf, text);
    struct settings *s = NULL;
    struct error error;
    assert_int_equal(settings_read(conf, &s, &error), ERR_INVALID);
    snprintf(expected, sizeof(expected), "%s:2: cannot read %s: No such file or directory", conf,
             certificate);
    assert_string_equal(error.client, expected);
    write_file(certificate, "");
    assert_int_equal(settings_read(conf, &s, &error), ERR_OK);
    settings_free(s);
    unlink(conf);
    assert_int_equal(settings_read(conf, &s, &error), ERR_NOT_FOUND);
    snprintf(expected, sizeof(expected), "%s: No such file or directory", conf);
    assert_string_equal(error.client, expected);
    unlink(certificate);
    rmdir(directory);
}

static void assert_imap_without(const char *value, const char *expected)
{
    char text[SETTINGS_NAMES_MAX + 100];
    snprintf(text, sizeof(text), "hostname = a\nimap-without = %s\n", value);
    struct settings *s = parse_good(text);
    assert_string_equal(s->imap_without, expected);
    settings_free(s);
}

static void test_a_list_of_names_is_upper_case_each_once(void **state)
{
    (void)state;
    assert_imap_without("none", "");
    assert_imap_without("\"\"", "");
    assert_imap_without("CONDSTORE, qresync condstore # both", "CONDSTORE QRESYNC");
    assert_imap_without("\"idle sort=display\"", "IDLE SORT=DISPLAY");
    refused("imap-without = none, IDLE\n", "posthorn.conf:1: \"none\" stands beside names");
    refused("imap-without = gr\303\274n\n", "posthorn.conf:1: a name is letters, digits and signs");
}

static void test_limits_of_imap_commands(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = a\n");
    assert_int_equal(s->imap_message_limit, 0);
    assert_int_equal(s->imap_save_limit, 0);
    settings_free(s);
    s = parse_good("hostname = a\nimap-save-limit = none\nimap-message-limit = 1000\n");
    assert_int_equal(s->imap_message_limit, 1000);
    settings_free(s);
    s = parse_good("hostname = a\nimap-save-limit = 1000000\n");
    assert_int_equal(s->imap_save_limit, 1000000);
    settings_free(s);
    refused("imap-message-limit = 999\n",
            "posthorn.conf:1: \"999\" is not none or a number from 1000 to 1000000");
    refused("imap-save-limit = 1000001\n",
            "posthorn.conf:1: \"1000001\" is not none or a number from 1000 to 1000000");
    refused("imap-save-limit = 2000\nimap-message-limit = 1000\n",
            "posthorn.conf:2: imap-message-limit or imap-save-limit, not both");
}

static void test_a_list_of_names_at_its_limits(void **state)
{
    (void)state;
    char name[SETTINGS_NAMES_MAX + 2];
    char line[SETTINGS_NAMES_MAX + 100];
    memset(name, 'A', sizeof(name));
    name[SETTINGS_NAMES_MAX] = 0;
    assert_imap_without(name, name);
    snprintf(line, sizeof(line), "imap-without = %sA\n", name);
    refused(line, "posthorn.conf:1: more than 1000 bytes of names");
    struct buf words = BUF(1000);
    for (int i = 0; i < 64; i++)
        buf_put(&words, S("A "));
    assert_imap_without(buf_cstr(&words), "A");
    snprintf(line, sizeof(line), "imap-without = %sA\n", buf_cstr(&words));
    refused(line, "posthorn.conf:1: more than 64 words");
    buf_release(&words);
}

static void test_mail_programs_without_capabilities(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = a\nimap-without-for = \"Some Mail*\" qresync, IDLE\n"
                                    "imap-without-for = none\nimap-without-for = b move\n");
    assert_int_equal(s->imap_client_count, 2);
    assert_string_equal(s->imap_clients[0].client, "Some Mail*");
    assert_string_equal(s->imap_clients[0].without, "QRESYNC IDLE");
    assert_string_equal(s->imap_clients[1].without, "MOVE");
    settings_free(s);
    refused("imap-without-for = Some\n", "posthorn.conf:1: a mail program and capabilities are expected");
    refused("imap-without-for = \"\" IDLE\n", "posthorn.conf:1: a mail program's name has 1 to 200 bytes");
}

static void test_mail_programs_at_their_limits(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    char name[SETTINGS_CLIENT_NAME_MAX + 2];
    memset(name, 'A', sizeof(name));
    name[SETTINGS_CLIENT_NAME_MAX + 1] = 0;
    buf_printf(&text, "imap-without-for = %s IDLE\n", name);
    refused(buf_cstr(&text), "posthorn.conf:1: a mail program's name has 1 to 200 bytes");
    buf_clear(&text);
    for (int i = 0; i < SETTINGS_CLIENTS_MAX; i++)
        buf_printf(&text, "imap-without-for = %s IDLE\n", name + 1);
    buf_put(&text, S("hostname = a\n"));
    settings_free(parse_good(buf_cstr(&text)));
    buf_put(&text, S("imap-without-for = a IDLE\n"));
    refused(buf_cstr(&text), "posthorn.conf:66: more than 64 mail programs");
}

static void test_certificates_by_acme(void **state)
{
    (void)state;
    struct settings *s = parse_good("hostname = Mail.Example\nacme = letsencrypt\nlisten = none\n"
                                    "acme-names = imap.example, mail.example\n");
    assert_string_equal(s->acme, "https://acme-v02.api.letsencrypt.org/directory");
    assert_string_equal(s->acme_names, "mail.example imap.example");
    assert_int_equal(s->listen_count, 1);
    assert_int_equal(s->listens[0].protocol, LISTEN_ACME_HTTP);
    assert_int_equal(s->listens[0].port, 80);
    CLEANUP(buf_release) struct buf text = BUF(100000);
    settings_text(s, &text);
    struct settings *again = parse_good(buf_cstr(&text));
    assert_string_equal(again->acme_names, s->acme_names);
    assert_int_equal(again->listen_count, 1);
    struct settings *tls =
        parse_good("hostname = mail.example\nacme = https://ca.test/d\nacme-challenge = tls-alpn-01\n"
                   "acme-listen = 127.0.0.1:4430\nlisten = none\n");
    assert_int_equal(tls->listens[0].protocol, LISTEN_ACME_TLS);
    assert_int_equal(tls->listens[0].port, 4430);
    struct settings *off = parse_good("hostname = mail.example\nacme-listen = :81\nlisten = none\n");
    assert_int_equal(off->listen_count, 0);
    struct settings *const all[] = {s, again, tls, off};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        settings_free(all[i]);
    refused("acme = http://ca.test/d\n",
            "posthorn.conf:1: \"http://ca.test/d\" is no https URL of an authority's "
            "directory; letsencrypt is one");
    /* The host's own name is one of them. */
    char many[SETTINGS_ACME_NAMES_MAX * 16 + 200];
    for (unsigned more = 0; more < 2; more++) {
        int n = snprintf(many, sizeof(many),
                         "hostname = mail.example\nlisten = none\nacme = letsencrypt\nacme-names = ");
        for (unsigned i = 0; i < SETTINGS_ACME_NAMES_MAX - 1 + more; i++)
            n += snprintf(many + n, sizeof(many) - (size_t)n, "n%u.example,", i);
        if (more == 0)
            settings_free(parse_good(many));
        else
            refused(many, "posthorn.conf: a certificate is for at most 64 names");
    }
    struct settings *dns = parse_good("hostname = mail.example\nlisten = none\nacme = letsencrypt\n"
                                      "acme-challenge = dns-01\nacme-names = *.mail.example\n");
    assert_string_equal(dns->acme_names, "mail.example *.mail.example");
    assert_int_equal(dns->listen_count, 0); /* nobody comes for the proof */
    settings_free(dns);
    refused("hostname = mail.example\nacme = letsencrypt\nacme-names = *.mail.example\n",
            "posthorn.conf: \"*.mail.example\" can be proven in the DNS only: acme-challenge = dns-01");
    refused("acme-contact = nobody\n", "posthorn.conf:1: \"nobody\" is no mail address");
    refused("acme-names = *.example\n",
            "posthorn.conf:1: \"*.example\" is no name that a certificate could be for");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_serve_every_protocol),
        cmocka_unit_test(test_hostname_default_is_the_machines),
        cmocka_unit_test(test_health_listens_on_this_machine_unless_told),
        cmocka_unit_test(test_certificates_by_acme),
        cmocka_unit_test(test_reads_every_key),
        cmocka_unit_test(test_text_reads_back_the_same),
        cmocka_unit_test(test_networks_are_trusted),
        cmocka_unit_test(test_refuses_more_networks_than_fit),
        cmocka_unit_test(test_misspelt_key_gets_a_suggestion),
        cmocka_unit_test(test_refuses_bad_lines),
        cmocka_unit_test(test_refuses_bad_values),
        cmocka_unit_test(test_refuses_name_servers_that_are_no_addresses),
        cmocka_unit_test(test_oauth_is_whole_or_not_at_all),
        cmocka_unit_test(test_refuses_bad_listeners),
        cmocka_unit_test(test_sizes_at_their_limits),
        cmocka_unit_test(test_counts_at_their_limits),
        cmocka_unit_test(test_file_and_path_at_their_limits),
        cmocka_unit_test(test_reading_a_file_checks_the_files_it_names),
        cmocka_unit_test(test_a_list_of_names_is_upper_case_each_once),
        cmocka_unit_test(test_a_list_of_names_at_its_limits),
        cmocka_unit_test(test_mail_programs_without_capabilities),
        cmocka_unit_test(test_limits_of_imap_commands),
        cmocka_unit_test(test_mail_programs_at_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
