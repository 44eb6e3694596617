/* SPDX-License-Identifier: MIT */
/*
 * The symbol table of an image without one: the first of the two links (console/symbols.c), and host builds. In a file of
 * its own so that the compiler cannot take these values for the real ones.
 */
#include <hv/types.h>

extern const uint32_t hv_symbol_count, hv_symbol_offset[], hv_symbol_block[];
extern const char hv_symbol_names[];

__weak_sym const uint32_t hv_symbol_count = 0;
__weak_sym const uint32_t hv_symbol_offset[1] = { 0 };
__weak_sym const uint32_t hv_symbol_block[1] = { 0 };
__weak_sym const char hv_symbol_names[1] = { 0 };
