/* SPDX-License-Identifier: MIT */
/*
 * Strings and formatted output. No state.
 */
#include "hypercall.h"

#include <front/console.h>

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    while (n && *a && *a == *b)
        a++, b++, n--;
    return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

char *strstr(const char *s, const char *wanted)
{
    size_t n = strlen(wanted);

    for (;; s++) {
        if (!strncmp(s, wanted, n))
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *ret = to;
    size_t words = n / 8;

    n %= 8;
    __asm__ volatile("rep movsq; mov %[rest], %%rcx; rep movsb"
                     : "+D"(to), "+S"(from), "+c"(words)
                     : [rest] "r"(n)
                     : "memory");
    return ret;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;

    if (t <= f || t >= f + n)
        return memcpy(to, from, n);
    while (n--)
        ACCESS(t[n]) = f[n];
    return to;
}

void *memset(void *to, int c, size_t n)
{
    void *ret = to;
    size_t words = n / 8;

    n %= 8;
    __asm__ volatile("rep stosq; mov %[rest], %%rcx; rep stosb"
                     : "+D"(to), "+c"(words)
                     : "a"((unsigned char)c * 0x0101010101010101UL), [rest] "r"(n)
                     : "memory");
    return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

struct out {
    char *buf;
    size_t size, len;
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void put_number(struct out *o, unsigned long v, unsigned int base, bool negative, unsigned int width, char fill)
{
    char digits[24];
    unsigned int n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    if (negative)
        digits[n++] = '-';
    for (; width > n; width--)
        put(o, fill);
    while (n)
        put(o, digits[--n]);
}

static void put_string(struct out *o, const char *s, unsigned int width)
{
    size_t n = 0;

    for (s = s ? s : "(null)"; *s; s++, n++)
        put(o, *s);
    for (; n < width; n++)
        put(o, ' ');
}

static const char *put_item(struct out *o, const char *p, va_list *ap)
{
    unsigned int width = 0, wide = 0;
    char fill = *p == '0' ? '0' : ' ';
    unsigned long u;
    long s;

    while (*p >= '0' && *p <= '9')
        width = width * 10 + (unsigned int)(*p++ - '0');
    for (; *p == 'l' || *p == 'z'; p++)
        wide = 1;
    switch (*p) {
    case 's': put_string(o, va_arg(*ap, const char *), width); break;
    case 'c': put(o, (char)va_arg(*ap, int)); break;
    case 'd':
        s = wide ? va_arg(*ap, long) : va_arg(*ap, int);
        put_number(o, s < 0 ? 0 - (unsigned long)s : (unsigned long)s, 10, s < 0, width, fill);
        break;
    case 'p': put_number(o, (unsigned long)va_arg(*ap, void *), 16, false, 16, '0'); break;
    case 'u':
    case 'x':
        u = wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int);
        put_number(o, u, *p == 'x' ? 16 : 10, false, width, fill);
        break;
    default: put(o, *p); break;
    }
    return *p ? p + 1 : p;
}

int vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};
    va_list args;

    va_copy(args, ap);
    while (*fmt) {
        if (*fmt == '%')
            fmt = put_item(&o, fmt + 1, &args);
        else
            put(&o, *fmt++);
    }
    va_end(args);
    if (size)
        buf[o.len < size ? o.len : size - 1] = 0;
    return (int)o.len;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vformat(buf, size, fmt, ap);
    va_end(ap);
    return n;
}

void print(const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (!console_write(line, strlen(line)))
        console_emergency(line, strlen(line));
}

void console_emergency(const char *text, size_t len) { HC(console_io, CONSOLEIO_write, len, text); }

void panic(const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    console_emergency("PANIC ", 6);
    console_emergency(line, strlen(line));
    console_emergency("\n", 1);
    print("PANIC %s\n", line);
    shutdown(SHUTDOWN_crash);
}
