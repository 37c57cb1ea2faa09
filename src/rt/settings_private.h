/*
 * Shared by the parts of settings: settings.c (lines, keys, defaults), settings_values.c, settings_outward.c,
 * settings_receiving.c and settings_guards.c (one value each).
 */
#ifndef POSTHORN_RT_SETTINGS_PRIVATE_H
#define POSTHORN_RT_SETTINGS_PRIVATE_H

#include "rt/settings.h"

enum { SETTING_WORDS_MAX = 64, SETTING_HOSTNAME_MAX = 253 /* RFC 1035 3.1, as text without the last dot */ };

/* A file while it is read. */
struct reading {
    struct settings *settings;
    const char *name;
    unsigned line; /* 0: the file as a whole */
    bool check_files;
    bool listen_none;
};

struct words {
    struct slice at[SETTING_WORDS_MAX];
    size_t count; /* at least one */
};

typedef enum err setting_read_fn(struct reading *r, const struct words *words, struct error *error);
#define X(name, key, preset, help) setting_read_fn setting_read_##name;
SETTING_TABLE(X)
#undef X

extern const char *const setting_level_names[];
extern const char *const setting_format_names[];
extern const char *const setting_truth_names[];
extern const char *const setting_full_names[];

enum { SETTING_PATH_BYTES_MAX = 1024 };

/* "file:line: what is wrong"; ERR_INVALID. */
enum err setting_refuse(const struct reading *r, struct error *error, const char *format, ...) FORMAT(3, 4);
enum err setting_keep(struct reading *r, struct slice s, const char **ret, struct error *error) MUST_CHECK;
enum err setting_one_word(const struct reading *r, const struct words *words, struct error *error) MUST_CHECK;
/* One of the names. */
enum err setting_choice(const struct reading *r, const struct words *words, const char *const *names,
                        size_t count, unsigned *ret, struct error *error) MUST_CHECK;
/* An absolute path, without slashes at its end. */
enum err setting_keep_path(struct reading *r, struct slice path, size_t max, const char **ret,
                           struct error *error) MUST_CHECK;
/* It can be read by the supervisor, who alone may look. */
enum err setting_check_file(const struct reading *r, const char *file, struct error *error) MUST_CHECK;
enum err setting_add_listen(struct reading *r, const struct listen_setting *listen,
                            struct error *error) MUST_CHECK;
/* "ADDRESS", "ADDRESS:PORT", "[ADDRESS6]:PORT", ":PORT", "*", or nothing: everywhere. */
enum err setting_read_address(struct reading *r, struct slice text, struct listen_setting *listen,
                              struct error *error) MUST_CHECK;
/* The acme-... keys go together; their listener is added. */
enum err setting_check_acme(struct reading *r, struct error *error) MUST_CHECK;
void setting_put_acme(const struct settings *settings, struct buf *out);
/* The oauth-... keys go together. */
enum err setting_check_oauth(struct reading *r, struct error *error) MUST_CHECK;
/* "64K", "100M": within SETTINGS_MESSAGE_SIZE_LEAST and _MOST. */
bool setting_size(struct slice text, uint64_t *ret) MUST_CHECK;
/* "192.0.2.1", "[::1]:53"; the port may be missing. */
bool setting_address_valid(struct slice text);
void setting_put_guards(const struct settings *settings, struct buf *out);
void setting_put_receiving(const struct settings *settings, struct buf *out);
void setting_put_sources(const struct settings *settings, struct buf *out);
void setting_put_oauth(const struct settings *settings, struct buf *out);
void setting_put_port(const char *key, uint16_t port, struct buf *out);
uint16_t listen_protocol_port(enum listen_protocol protocol);

#endif
