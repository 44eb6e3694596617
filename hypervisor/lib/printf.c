/* SPDX-License-Identifier: MIT */
/* snprintf as the C library's, for %c %s %d %i %u %x %X %p %% with l, ll, z, *, width, precision and the flags 0 - #;
 * %p of NULL is 0x0. An unknown conversion is printed as it stands. */
#include <hv/lib.h>

struct out { char *buf; size_t size, len; };    /* len counts also what did not fit */
struct spec { bool left, zero, alt, wide; int width, precision; };  /* wide: 64-bit; precision -1: none given */
/* va_list is an array type here: a struct lets functions share its progress */
struct args { va_list ap; };

static void put(struct out *o, char c)
{
    if (o->len < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, long n)
{
    while (n-- > 0)
        put(o, c);
}

/* prefix, zeros, text, with blanks on one side up to the width. */
static void put_field(struct out *o, const struct spec *sp, const char *prefix, long zeros, const char *text,
                      size_t len)
{
    long blanks = sp->width - (long)strlen(prefix) - zeros - (long)len;
    pad(o, ' ', sp->left ? 0 : blanks);
    while (*prefix)
        put(o, *prefix++);
    pad(o, '0', zeros);
    while (len--)
        put(o, *text++);
    pad(o, ' ', sp->left ? blanks : 0);
}

static void put_number(struct out *o, const struct spec *sp, unsigned long v, unsigned int base, bool upper,
                       const char *prefix)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char buf[24];
    long n = 0, least = sp->precision >= 0 ? sp->precision : 1;
    for (; v; v /= base)
        buf[sizeof(buf) - (size_t)++n] = digits[v % base];
    if (sp->zero && !sp->left && sp->precision < 0)
        least = max_t(long, least, sp->width - (long)strlen(prefix));
    put_field(o, sp, prefix, max(least - n, 0L), buf + sizeof(buf) - n, (size_t)n);
}

/* A decimal number in the format, or * for an argument; absurd ones stop growing before they overflow. */
static const char *number(const char *f, int *v, struct args *a)
{
    if (*f == '*') {
        *v = va_arg(a->ap, int);
        return f + 1;
    }
    for (*v = 0; *f >= '0' && *f <= '9'; f++)
        if (*v < 1000000)
            *v = *v * 10 + (*f - '0');
    return f;
}

static const char *parse_spec(const char *f, struct spec *sp, struct args *a)
{
    *sp = (struct spec){ .precision = -1 };
    for (; *f == '-' || *f == '0' || *f == '#'; f++) {
        sp->left |= *f == '-';
        sp->zero |= *f == '0';
        sp->alt |= *f == '#';
    }
    f = number(f, &sp->width, a);
    if (sp->width < 0) {
        sp->left = true;
        sp->width = -sp->width;
    }
    if (*f == '.') {
        f = number(f + 1, &sp->precision, a);
        sp->precision = max(sp->precision, -1);
    }
    for (; *f == 'l' || *f == 'z'; f++)
        sp->wide = true;
    return f;
}

static void convert(struct out *o, char conv, const struct spec *sp, struct args *a)
{
    const char *s;
    unsigned long u;
    long d;
    char c;
    switch (conv) {
    case 'c':
        c = (char)va_arg(a->ap, int);
        put_field(o, sp, "", 0, &c, 1);
        break;
    case 's':
        s = va_arg(a->ap, const char *) ?: "(null)";
        put_field(o, sp, "", 0, s, sp->precision >= 0 ? strnlen(s, (size_t)sp->precision) : strlen(s));
        break;
    case 'd': case 'i':
        d = sp->wide ? va_arg(a->ap, long) : va_arg(a->ap, int);
        put_number(o, sp, d < 0 ? -(unsigned long)d : (unsigned long)d, 10, false, d < 0 ? "-" : "");
        break;
    case 'u': case 'x': case 'X':
        u = sp->wide ? va_arg(a->ap, unsigned long) : va_arg(a->ap, unsigned int);
        put_number(o, sp, u, conv == 'u' ? 10 : 16, conv == 'X',
                   conv == 'u' || !sp->alt || !u ? "" : conv == 'X' ? "0X" : "0x");
        break;
    case 'p':
        put_number(o, sp, (unsigned long)va_arg(a->ap, void *), 16, false, "0x");
        break;
    default:
        put(o, '%');
        if (conv && conv != '%')
            put(o, conv);
    }
}

int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = { buf, size, 0 };
    struct args a;
    struct spec sp;
    va_copy(a.ap, ap);
    for (; *fmt; fmt += *fmt != '\0') {
        if (*fmt == '%') {
            fmt = parse_spec(fmt + 1, &sp, &a);
            convert(&o, *fmt, &sp, &a);
        } else {
            put(&o, *fmt);
        }
    }
    va_end(a.ap);
    if (size)
        buf[min(o.len, size - 1)] = '\0';
    return (int)o.len;
}

int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = hv_vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
