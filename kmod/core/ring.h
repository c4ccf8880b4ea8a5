/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring of a channel: its slots, and messages into and out of them.
 *
 * What every message goes through is inlined, with @words constant: once for
 * channels of words (gochan.words), as most channels are, and once for all
 * channels. In the former a slot is a word. A slot of a variable-length channel
 * begins with the message's length; slot_size keeps it aligned.
 *
 * All of it happens under gochan.lock.
 */

#ifndef _GOCHAN_RING_H
#define _GOCHAN_RING_H

#include "internal.h"
#include "word.h"

static inline void *gochan_slot(struct gochan *ch, u32 index)
{
	return ch->ring + (size_t)index * ch->slot_size;
}

static inline u32 gochan_next_slot(const struct gochan *ch, u32 index)
{
	return index + 1 == ch->cap ? 0 : index + 1;
}

/*
 * Copy a message. One word, a number or a pointer, is what most channels carry;
 * a call for that costs more than the copy.
 */
static inline void gochan_copy(void *dst, const void *src, u32 len)
{
	struct gochan_word *to = dst;
	const struct gochan_word *from = src;

	if (likely(len == sizeof(*to)))
		*to = *from;
	else
		memcpy(dst, src, len);
}

static inline void gochan_zero(void *dst, u32 len)
{
	struct gochan_word *to = dst;

	if (likely(len == sizeof(*to)))
		to->word = 0;
	else
		memset(dst, 0, len);
}

/* Length of the oldest message in the ring. */
static inline u32 __gochan_head_len(struct gochan *ch)
{
	return ch->varlen ? *(u32 *)gochan_slot(ch, ch->recvx) : ch->elem_size;
}

static __always_inline void *__gochan_slot(struct gochan *ch, u32 index,
					   bool words)
{
	return words ? (u64 *)ch->ring + index : gochan_slot(ch, index);
}

/* Fill the next free slot; the caller keeps ch->len. */
static __always_inline void __gochan_store(struct gochan *ch, const void *src,
					   u32 len, bool words)
{
	u32 index = ch->sendx;
	void *slot = __gochan_slot(ch, index, words);

	if (!words && ch->varlen) {
		*(u32 *)slot = len;
		slot += sizeof(u32);
	}
	gochan_copy(slot, src, len);
	ch->sendx = gochan_next_slot(ch, index);
}

/* Empty the oldest slot, for the next message; the caller keeps ch->len. */
static __always_inline u32 __gochan_fetch(struct gochan *ch, void *dst,
					  bool words)
{
	u32 index = ch->recvx, len = words ? sizeof(u64) : __gochan_head_len(ch);
	void *slot = __gochan_slot(ch, index, words);

	if (!words && ch->varlen) {
		*(u32 *)slot = 0;
		slot += sizeof(u32);
	}
	if (words || dst)
		gochan_copy(dst, slot, len);
	/* What was received must not be found in memory again. */
	gochan_zero(slot, len);
	ch->recvx = gochan_next_slot(ch, index);
	return len;
}

#endif /* _GOCHAN_RING_H */
