/* The server's name: it leads to this machine, and its addresses lead back. */
#include <ifaddrs.h>

#include "authres/dns_records.h"
#include "doctor/records.h"

static bool is_own(const struct resolver_address *address, const struct ifaddrs *list)
{
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != address->family)
            continue;
        const void *own = address->family == AF_INET
                              ? (const void *)&((const struct sockaddr_in *)i->ifa_addr)->sin_addr
                              : (const void *)&((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;
        if (memcmp(own, &address->v6, address->family == AF_INET ? 4 : 16) == 0)
            return true;
    }
    return false;
}

static void check_leads_here(struct doctor *doctor)
{
    struct ifaddrs *list = NULL;
    bool own = false;
    if (getifaddrs(&list) != 0)
        return;
    for (size_t i = 0; i < doctor->address_count; i++)
        own = own || is_own(&doctor->addresses[i], list);
    freeifaddrs(list);
    if (own)
        return;
    char text[INET6_ADDRSTRLEN];
    resolver_address_text(&doctor->addresses[0], text);
    spoken_find(doctor, DOCTOR_ADVICE, "%s is %s, which this machine does not have itself",
                doctor->settings->hostname, text);
    spoken_why(doctor,
               "Behind a router that passes the ports on this is as it should be; else mail goes elsewhere.");
    doctor_cure(doctor,
                "Let the router pass on ports 25, 465, 587, 993 and 995, or correct the address record.");
}

/* The address's reverse name is the one by which the server goes there. */
static void check_reverse(struct doctor *doctor, const struct resolver_address *address, const char *host)
{
    CLEANUP(buf_release) struct buf reverse = BUF(RESOLVER_NAME_MAX);
    char text[INET6_ADDRSTRLEN];
    struct target *targets;
    size_t count;
    if (resolver_is_loopback(address))
        return;
    dns_put_reverse(address, &reverse);
    resolver_address_text(address, text);
    const char *name = buf_cstr(&reverse);
    if (name == NULL)
        return;
    if (!records_targets(doctor, name, RESOLVER_PTR, &targets, &count)) {
        spoken_find(doctor, DOCTOR_WARNING, "the DNS does not answer which name %s has", text);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(targets[i].name, host) == 0)
            return;
    if (count == 0)
        spoken_find(doctor, DOCTOR_WARNING, "%s has no name in the reverse DNS", text);
    else
        spoken_find(doctor, DOCTOR_WARNING, "%s is named %s in the reverse DNS, not %s", text,
                    targets[0].name, host);
    spoken_why(doctor, "Many servers refuse mail from an address whose name does not lead back to it.");
    doctor_cure(doctor, "Whoever gave you the address sets it (\"reverse DNS\", \"PTR\"): %s. IN PTR %s.",
                name, host);
}

/* Others look up the name of EHLO, and want it to lead to where the mail came from. */
static void check_forward(struct doctor *doctor, const struct resolver_address *address, const char *host)
{
    struct resolver_address found[DOCTOR_ADDRESSES_MAX];
    struct error error;
    char text[INET6_ADDRSTRLEN];
    size_t count = 0;
    int64_t deadline = clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND;
    const size_t bytes = address->family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
    if (resolver_addresses(doctor->resolver, slice_cstr(host), deadline, found, ARRAY_LEN(found), &count,
                           &error) != ERR_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        if (found[i].family == address->family && memcmp(&found[i].v6, &address->v6, bytes) == 0)
            return;
    resolver_address_text(address, text);
    spoken_find(doctor, DOCTOR_WARNING, "mail leaves from %s by the name %s, which does not lead there", text,
                host);
    spoken_why(doctor, "Many servers refuse mail from an address whose name does not lead back to it.");
    doctor_cure(doctor, "%s. IN %s %s", host, address->family == AF_INET ? "A" : "AAAA", text);
}

void doctor_look_at_sources(struct doctor *doctor, const struct own_addresses *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct own_address *own = &sources->each[i];
        const char *host = own->name[0] != 0 ? own->name : doctor->settings->hostname;
        struct resolver_address address = {.family = own->family};
        if (own->family == AF_INET)
            address.v4 = own->v4;
        else
            address.v6 = own->v6;
        check_forward(doctor, &address, host);
        check_reverse(doctor, &address, host);
    }
}

void doctor_check_host_addresses(struct doctor *doctor)
{
    struct error error;
    const char *host = doctor->settings->hostname;
    int64_t deadline = clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND;
    doctor->address_count = 0;
    if (resolver_addresses(doctor->resolver, slice_cstr(host), deadline, doctor->addresses,
                           DOCTOR_ADDRESSES_MAX, &doctor->address_count, &error) != ERR_OK) {
        spoken_find(doctor, DOCTOR_ERROR, "%s has no address in the DNS, or the DNS does not answer", host);
        spoken_why(doctor, "Nobody can find the server by this name, mail programs nor other servers.");
        doctor_cure(doctor, "%s. IN A <address of this machine>", host);
        return;
    }
    check_leads_here(doctor);
    for (size_t i = 0; i < doctor->address_count; i++)
        check_reverse(doctor, &doctor->addresses[i], host);
    doctor_look_at_sources(doctor, &doctor->settings->sources);
}
