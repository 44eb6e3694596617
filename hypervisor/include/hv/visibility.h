/* SPDX-License-Identifier: MIT */
/* Included first in every file: the image is one static whole, so calls and data need no global offset table. */
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
