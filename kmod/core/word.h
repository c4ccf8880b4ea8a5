/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A word that need not be aligned, as what callers pass in. Assigning one is a
 * load and a store, also where the compiler may not make these of memcpy():
 * User Mode Linux, sanitisers.
 */

#ifndef _GOCHAN_WORD_H
#define _GOCHAN_WORD_H

#include <linux/types.h>

struct gochan_word {
	u64 word;
} __packed;

#endif /* _GOCHAN_WORD_H */
