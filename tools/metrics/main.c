/* SPDX-License-Identifier: MIT */
/*
 * xl metrics: what the domains use, for Prometheus to scrape: /metrics on a port of this host alone, until a signal.
 * One thread of libmicrohttpd's answers, and only it touches hypervisor and store.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "metrics/text.h"

#define PORT 9177               /* what other exporters for hypervisors' guests use */
#define CONNECTIONS_MAX 16
#define TIMEOUT_SECONDS 10

static const char help[] =
    "Usage: xl metrics [OPTION]...\n"
    "Serves what the domains use in Prometheus' text format, at\n"
    "http://127.0.0.1:9177/metrics, until it is ended.\n\n"
    "  -p, --port=N          another port\n"
    "  -a, --address=ADDR    another IPv4 address than 127.0.0.1; whoever reaches it can read the figures\n"
    "  -1, --once            print the text once instead\n"
    "  -h, --help            this text\n";

static struct vl vl;

/* The text in a buffer of malloc's; NULL when it cannot be made (told). */
static char *make_text(size_t *len)
{
    struct sample s;
    char *text = NULL;
    FILE *to;

    if (sample_take(&vl, &s, NULL))
        return NULL;
    to = open_memstream(&text, len);
    if (to) {
        metrics_print(&s, to);
        fclose(to);
    }
    sample_free(&s);
    return text;
}

static enum MHD_Result send_static(struct MHD_Connection *c, unsigned status, const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc = r ? MHD_queue_response(c, status, r) : MHD_NO;

    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *data, size_t *data_len, void **state)
{
    struct MHD_Response *r;
    enum MHD_Result rc;
    size_t len = 0;
    char *text;

    (void)arg;
    (void)version;
    (void)data;
    (void)data_len;
    (void)state;
    if (strcmp(method, "GET") && strcmp(method, "HEAD"))
        return send_static(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    if (strcmp(url, "/metrics"))
        return send_static(c, MHD_HTTP_NOT_FOUND, "the figures are at /metrics\n");
    text = make_text(&len);
    if (!text)
        return send_static(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the hypervisor or the store does not answer\n");
    r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    rc = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return rc;
}

static int serve(const struct sockaddr_in *address)
{
    struct MHD_Daemon *daemon;
    sigset_t ends;
    int sig;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);        /* before the thread starts, so that it does not take them */
    daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, ntohs(address->sin_port), NULL, NULL, answer, NULL,
                              MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                              MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_SECONDS, MHD_OPTION_END);
    if (!daemon)
        return vl_fail_errno("cannot listen on %s:%u", inet_ntoa(address->sin_addr), ntohs(address->sin_port)), 1;
    vl_note("serving http://%s:%u/metrics", inet_ntoa(address->sin_addr), ntohs(address->sin_port));
    sigwait(&ends, &sig);
    MHD_stop_daemon(daemon);
    return 0;
}

static int once(void)
{
    size_t len = 0;
    char *text = make_text(&len);

    if (!text)
        return 1;
    fwrite(text, 1, len, stdout);
    free(text);
    return fflush(stdout) ? vl_fail(-EIO, "cannot write the output"), 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "port", required_argument, NULL, 'p' }, { "address", required_argument, NULL, 'a' },
        { "once", no_argument, NULL, '1' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool print = false;
    char *end;
    long port;

    vl_log_name("xl");
    for (int opt; (opt = getopt_long(argc, argv, "p:a:1h", longs, NULL)) != -1;)
        switch (opt) {
        case 'p':
            port = strtol(optarg, &end, 10);
            if (!*optarg || *end || port < 1 || port > 65535)
                return vl_fail(-EINVAL, "'%s' is no port", optarg), 1;
            address.sin_port = htons((uint16_t)port);
            break;
        case 'a':
            if (inet_pton(AF_INET, optarg, &address.sin_addr) != 1)
                return vl_fail(-EINVAL, "'%s' is no IPv4 address", optarg), 1;
            break;
        case '1': print = true; break;
        case 'h': fputs(help, stdout); return 0;
        default: fputs(help, stderr); return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "xl metrics: what is '%s'?\n", argv[optind]);
        return 2;
    }
    if (!vl_xc(&vl) || !vl_store(&vl))
        return 1;
    return print ? once() : serve(&address);
}
