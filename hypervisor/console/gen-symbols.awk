# SPDX-License-Identifier: MIT
# The hypervisor's symbol table, as assembly, from `nm -n` of the linked image: see console/panic.c for the layout.
# With -v empty=1 a table without symbols, for the link that comes before.
# The lower eight digits of an address are its offset from TEXT_VIRT, whose lower half is zero.
BEGIN {
    count = 0
    print "    .section .symtab_hv, \"a\", @progbits"
}

# Functions and labels of the text, one an address; what the compiler made up is left out. text_end ends the table.
$3 == "text_end" { end = substr($1, 9) }

$2 ~ /^[tTwW]$/ && $1 ~ /^ffff8200/ && $1 != last && !end && $3 !~ /^(\.|\$|(image|text)_start$)/ {
    last = $1
    offset[count] = substr($1, 9)
    name[count++] = substr($3, 1, 63)
}

function table(sym)
{
    printf "    .balign 4\n    .globl %s\n    .hidden %s\n%s:\n", sym, sym, sym
}

END {
    if (empty)
        end = "0"
    if (!end) {
        print "gen-symbols: no symbol text_end" > "/dev/stderr"
        exit 1
    }
    offset[count] = end
    name[count++] = "text_end"
    table("hv_symbol_count")
    printf "    .long %d\n", count
    table("hv_symbol_offset")
    for (i = 0; i < count; i++)
        printf "    .long 0x%s\n", offset[i]
    table("hv_symbol_names")
    for (i = 0; i < count; i++)
        printf "    .asciz \"%s\"\n", name[i]
    print "    .section .note.GNU-stack, \"\", @progbits"
}
