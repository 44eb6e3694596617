/* SPDX-License-Identifier: MIT */
/*
 * snprintf for the hypervisor: %c %s %d %i %u %o %x %X %p %% with l, ll, z, h, hh, *, width, precision and the flags
 * 0 - + space #. No floating point, no %n. The result and the return value are those of the C library's snprintf;
 * %p is 0x and hexadecimal digits, also for NULL. An unknown conversion is printed as it stands.
 */
#include <hv/lib.h>

struct out { char *buf; size_t size, len; };    /* len counts also what did not fit */

struct spec {
    bool left, zero, plus, space, alt;
    int width, precision;                       /* precision -1: none given */
    int longs;                                  /* 0: int, 1 or more: 64-bit, -1: short, -2: char */
};

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

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
    size_t len;

    if (!s)
        s = "(null)";
    len = sp->precision >= 0 ? strnlen(s, (size_t)sp->precision) : strlen(s);
    if (!sp->left)
        pad(o, ' ', sp->width - (long)len);
    for (size_t i = 0; i < len; i++)
        put(o, s[i]);
    if (sp->left)
        pad(o, ' ', sp->width - (long)len);
}

/* prefix: the sign, or 0x; it stands before padding zeros. */
static void put_number(struct out *o, const struct spec *sp, unsigned long v, unsigned int base, bool upper,
                       const char *prefix)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char buf[24];
    long n = 0, zeros = 0, fill;

    for (; v; v /= base)
        buf[n++] = digits[v % base];
    if (sp->precision > n)
        zeros = sp->precision - n;
    else if (n == 0 && sp->precision < 0)
        zeros = 1;
    if (base == 8 && sp->alt && zeros == 0)
        zeros = 1;
    fill = sp->width - n - zeros - (long)strlen(prefix);
    if (sp->zero && !sp->left && sp->precision < 0 && fill > 0) {
        zeros += fill;
        fill = 0;
    }
    if (!sp->left)
        pad(o, ' ', fill);
    while (*prefix)
        put(o, *prefix++);
    pad(o, '0', zeros);
    while (n > 0)
        put(o, buf[--n]);
    if (sp->left)
        pad(o, ' ', fill);
}

/* A decimal number in the format; absurd ones stop growing before they overflow. */
static const char *number(const char *f, int *v)
{
    for (*v = 0; *f >= '0' && *f <= '9'; f++)
        if (*v < 1000000)
            *v = *v * 10 + (*f - '0');
    return f;
}

static const char *parse_flags(const char *f, struct spec *sp)
{
    for (;; f++) {
        switch (*f) {
        case '-': sp->left = true; break;
        case '0': sp->zero = true; break;
        case '+': sp->plus = true; break;
        case ' ': sp->space = true; break;
        case '#': sp->alt = true; break;
        default: return f;
        }
    }
}

static const char *parse_length(const char *f, struct spec *sp)
{
    for (;; f++) {
        switch (*f) {
        case 'l': case 'z': case 'j': case 't': sp->longs++; break;
        case 'h': sp->longs--; break;
        default: return f;
        }
    }
}

/* va_list is an array type here: a struct lets functions share its progress. */
struct args { va_list ap; };

static unsigned long get_unsigned(struct args *a, const struct spec *sp)
{
    unsigned long v = sp->longs > 0 ? va_arg(a->ap, unsigned long) : va_arg(a->ap, unsigned int);

    if (sp->longs == -1)
        return (unsigned short)v;
    return sp->longs <= -2 ? (unsigned char)v : v;
}

static long get_signed(struct args *a, const struct spec *sp)
{
    long v = sp->longs > 0 ? va_arg(a->ap, long) : va_arg(a->ap, int);

    if (sp->longs == -1)
        return (short)v;
    return sp->longs <= -2 ? (signed char)v : v;
}

static const char *parse_spec(const char *f, struct spec *sp, struct args *a)
{
    *sp = (struct spec){ .precision = -1 };
    f = parse_flags(f, sp);
    if (*f == '*') {
        sp->width = va_arg(a->ap, int);
        if (sp->width < 0) {
            sp->left = true;
            sp->width = -sp->width;
        }
        f++;
    } else {
        f = number(f, &sp->width);
    }
    if (*f == '.') {
        f++;
        if (*f == '*') {
            sp->precision = max(va_arg(a->ap, int), -1);
            f++;
        } else {
            f = number(f, &sp->precision);
        }
    }
    return parse_length(f, sp);
}

static void convert(struct out *o, char conv, struct spec *sp, struct args *a)
{
    unsigned long u;
    long d;

    switch (conv) {
    case 'c': {
        char c[2] = { (char)va_arg(a->ap, int), 0 };

        pad(o, ' ', sp->left ? 0 : sp->width - 1);
        put(o, c[0]);
        pad(o, ' ', sp->left ? sp->width - 1 : 0);
        break;
    }
    case 's':
        put_string(o, sp, va_arg(a->ap, const char *));
        break;
    case 'd': case 'i':
        d = get_signed(a, sp);
        put_number(o, sp, d < 0 ? -(unsigned long)d : (unsigned long)d, 10, false,
                   d < 0 ? "-" : sp->plus ? "+" : sp->space ? " " : "");
        break;
    case 'u':
        put_number(o, sp, get_unsigned(a, sp), 10, false, "");
        break;
    case 'o':
        put_number(o, sp, get_unsigned(a, sp), 8, false, "");
        break;
    case 'x': case 'X':
        u = get_unsigned(a, sp);
        put_number(o, sp, u, 16, conv == 'X', !sp->alt || !u ? "" : conv == 'X' ? "0X" : "0x");
        break;
    case 'p':
        put_number(o, sp, (unsigned long)va_arg(a->ap, void *), 16, false, "0x");
        break;
    case '%':
        put(o, '%');
        break;
    default:
        put(o, '%');
        if (conv)
            put(o, conv);
        break;
    }
}

int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = { buf, size, 0 };
    struct args a;
    struct spec sp;

    va_copy(a.ap, ap);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &sp, &a);
        convert(&o, *fmt, &sp, &a);
        if (!*fmt)
            break;
    }
    va_end(a.ap);
    if (size)
        buf[min(o.len, size - 1)] = '\0';
    return (int)o.len;
}

int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = hv_vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
