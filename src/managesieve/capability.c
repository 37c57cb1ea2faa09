#include "managesieve/capability.h"

#include "directory/sasl.h"
#include "managesieve/managesieve.h"

static void put(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "\"%s\" ", name);
    words_put_string(out, value);
    buf_put(out, S("\r\n"));
}

static void put_mechanisms(struct buf *out, uint64_t mechanisms)
{
    buf_put(out, S("\"SASL\" \""));
    const char *blank = "";
    for (unsigned m = 0; m < SASL_MECHANISMS; m++) {
        if ((mechanisms >> m & 1) == 0)
            continue;
        buf_printf(out, "%s%s", blank, sasl_mechanism_name((enum sasl_mechanism)m));
        blank = " ";
    }
    buf_put(out, S("\"\r\n"));
}

void managesieve_put_capabilities(struct buf *out, const struct managesieve_offer *offer)
{
    put(out, "IMPLEMENTATION", S("Posthorn"));
    put_mechanisms(out, offer->mechanisms);
    buf_put(out, S("\"SIEVE\" \""));
    sieve_extensions_put(SIEVE_ALL, out);
    buf_put(out, S("\"\r\n"));
    if (offer->starttls)
        buf_put(out, S("\"STARTTLS\"\r\n"));
    put(out, "NOTIFY", S("mailto")); /* by what `notify` can tell somebody */
    buf_printf(out, "\"MAXREDIRECTS\" \"%d\"\r\n", SIEVE_REDIRECTS_MAX);
    put(out, "LANGUAGE", slice_cstr(language_tag(offer->language)));
    if (offer->owner.n > 0)
        put(out, "OWNER", offer->owner);
    put(out, "VERSION", S("1.0"));
}
