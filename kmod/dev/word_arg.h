/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of four words, looked at in place: those of the calls that move one
 * word, a number or a handle, as most do. With no flag and no deadline they need
 * no copy of the argument, which costs more than all else that is ours.
 *
 * Whatever else is asked for, or wrong, is left to gochan_dispatch(): up to the
 * operation itself, such a call has done nothing that cannot be done again.
 */

#ifndef _GOCHAN_WORD_ARG_H
#define _GOCHAN_WORD_ARG_H

#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/uaccess.h>

/* Elsewhere, a word of user memory takes two accesses. */
#define GOCHAN_HAS_WORDS	IS_ENABLED(CONFIG_64BIT)

/* Two members of an argument, as they lie in memory. */
union gochan_pair {
	u64 word;
	u32 half[2];
};

static __always_inline u64 gochan_pair(u32 first, u32 second)
{
	const union gochan_pair pair = { .half = { first, second } };

	return pair.word;
}

static __always_inline u32 gochan_first(u64 word)
{
	const union gochan_pair pair = { .word = word };

	return pair.half[0];
}

/**
 * struct gochan_words - an argument
 * @head: size and flags
 * @a: its second word
 * @b: its third
 * @c: and its last
 */
struct gochan_words {
	u64 head;
	u64 a;
	u64 b;
	u64 c;
};

/*
 * Fetch an argument that begins with @head, a size and no flags. With @write,
 * check that @b can be written, too, by storing it back; an argument of another
 * size is not written to. Return false if any of this fails.
 */
static __always_inline bool gochan_words_in(struct gochan_words *w,
					    u64 __user *arg, u64 head,
					    bool write)
{
	if (!IS_ALIGNED((unsigned long)arg, sizeof(u64)) ||
	    !user_access_begin(arg, sizeof(*w)))
		return false;
	unsafe_get_user(w->head, arg, fault);
	if (w->head != head)
		goto fault;
	unsafe_get_user(w->a, arg + 1, fault);
	unsafe_get_user(w->b, arg + 2, fault);
	unsafe_get_user(w->c, arg + 3, fault);
	if (write)
		unsafe_put_user(w->b, arg + 2, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

#endif /* _GOCHAN_WORD_ARG_H */
