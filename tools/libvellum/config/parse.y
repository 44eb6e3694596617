/* SPDX-License-Identifier: MIT */
/*
 * The grammar of xl.cfg(5). Settings are separated by newlines or semicolons; inside a list newlines mean nothing
 * (the scanner swallows them), and a trailing comma is allowed. A syntax error skips to the end of its line, so one
 * run reports every bad line.
 */
%define api.pure full
%define api.prefix {vl_cfg_}
%locations
%define parse.error custom
%parse-param { struct vl_parse *ps }
%parse-param { void *scanner }
%lex-param { struct vl_parse *ps }
%lex-param { void *scanner }

%code requires {
#include "config/value.h"
#define VL_CFG_LTYPE struct vl_place
#define VL_CFG_LTYPE_IS_DECLARED 1
#define YYLLOC_DEFAULT(cur, rhs, n) ((cur) = (n) ? YYRHSLOC(rhs, 1) : YYRHSLOC(rhs, 0))
}

%code {
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/parse.h"

int vl_cfg_lex(VL_CFG_STYPE *value, VL_CFG_LTYPE *place, struct vl_parse *ps, void *scanner);
static void vl_cfg_error(VL_CFG_LTYPE *place, struct vl_parse *ps, void *scanner, const char *message);
static void add_setting(struct vl_parse *ps, const struct vl_place *place, char *key, struct vl_value *value,
                        bool append);
static struct vl_value *new_value(struct vl_parse *ps, const struct vl_place *place);
static struct vl_value *new_atom(struct vl_parse *ps, const struct vl_place *place, char *text, bool quoted);
}

%union {
    char *text;
    struct vl_value *value;
}

%token <text> KEY "a key"
%token <text> STRING "a string"
%token <text> NUMBER "a number"
%token PLUS_ASSIGN "+="
%token NEWLINE "the end of the line"
%token END 0 "the end of the text"
%type <value> value list items

%%

file: %empty | file line;

line: separator
    | setting separator
    | setting END
    | error NEWLINE { ps->depth = 0; yyerrok; }
    | error END { yyerrok; }
    ;

separator: NEWLINE | ';';

setting: KEY '=' value { add_setting(ps, &@1, $1, $3, false); }
    | KEY PLUS_ASSIGN value { add_setting(ps, &@1, $1, $3, true); }
    ;

value: STRING { $$ = new_atom(ps, &@1, $1, true); }
    | NUMBER { $$ = new_atom(ps, &@1, $1, false); }
    | list
    ;

list: '[' ']' { $$ = new_value(ps, &@1); $$->is_list = true; }
    | '[' items ']' { $$ = $2; $$->place = @1; }
    | '[' items ',' ']' { $$ = $2; $$->place = @1; }
    ;

items: value { $$ = new_value(ps, &@1); $$->is_list = true; VL_PUSH(ps->arena, $$->items, $$->count, $1); }
    | items ',' value { $$ = $1; VL_PUSH(ps->arena, $$->items, $$->count, $3); }
    ;

%%

static struct vl_value *new_value(struct vl_parse *ps, const struct vl_place *place)
{
    struct vl_value *v = vl_alloc(ps->arena, sizeof(*v));

    v->place = *place;
    return v;
}

static struct vl_value *new_atom(struct vl_parse *ps, const struct vl_place *place, char *text, bool quoted)
{
    struct vl_value *v = new_value(ps, place);

    v->text = text;
    v->quoted = quoted;
    return v;
}

static void add_setting(struct vl_parse *ps, const struct vl_place *place, char *key, struct vl_value *value,
                        bool append)
{
    struct vl_setting *s = vl_alloc(ps->arena, sizeof(*s));

    s->place = *place;
    s->key = key;
    s->value = value;
    s->append = append;
    VL_PUSH(ps->arena, ps->out->all, ps->out->count, s);
}

/* Bison's own message for what it has no tokens for (memory); syntax errors come through the function below. */
static void vl_cfg_error(VL_CFG_LTYPE *place, struct vl_parse *ps, void *scanner, const char *message)
{
    (void)scanner;
    ps->errors++;
    vl_place_error(place, "%s", message);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct vl_parse *ps, void *scanner)
{
    yysymbol_kind_t expected[5], got = yypcontext_token(context);
    int n = yypcontext_expected_tokens(context, expected, 5);
    char text[160] = "";
    size_t used = 0;

    (void)scanner;
    ps->errors++;
    if (got == YYSYMBOL_YYUNDEF)        /* the scanner has told what is wrong */
        return 0;
    for (int i = 0; i < n && used < sizeof(text); i++)
        used += snprintf(text + used, sizeof(text) - used, "%s%s", i ? " or " : ", expected ",
                         yysymbol_name(expected[i]));
    vl_place_error(yypcontext_location(context), "unexpected %s%s",
                   got == YYSYMBOL_YYEMPTY ? "end" : yysymbol_name(got), text);
    return 0;
}
