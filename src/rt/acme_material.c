#include "rt/acme_material.h"

#include "base/wire.h"

void acme_material_put(struct buf *out, const struct acme_material *material)
{
    wire_put_slice(out, material->account_key);
    wire_put_slice(out, material->outside_key);
    wire_put_slice(out, material->request);
    wire_put_slice(out, material->chain);
}

bool acme_material_get(struct slice bytes, struct acme_material *ret_material)
{
    struct wire_reader r = wire_reader_of(bytes);
    struct acme_material material = {.account_key = wire_get_slice(&r)};
    material.outside_key = wire_get_slice(&r);
    material.request = wire_get_slice(&r);
    material.chain = wire_get_slice(&r);
    if (!wire_end(&r))
        return false;
    *ret_material = material;
    return true;
}
