/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps: keys, hashes and slots, and the search for a key in a table.
 *
 * Everything on the way of a lookup or an insert is here, to be inlined with
 * the kind of map constant: integer keys are then loaded, hashed and compared
 * as integers, and slots have a known size.
 */

#ifndef _GOMAP_KEY_H
#define _GOMAP_KEY_H

#include <linux/prefetch.h>

#include "map_internal.h"
#include "word.h"

/*
 * What of a map is known at compile time. The functions on the way of every
 * operation are inlined once for each kind, with @kind constant.
 */
enum gomap_kind {
	GOMAP_K4,	/* 4-byte keys compared as integers, fast hash */
	GOMAP_K4V8,	/* and 8-byte values */
	GOMAP_K8,	/* 8-byte keys compared as integers, fast hash */
	GOMAP_K8V8,	/* and 8-byte values */
	GOMAP_S8V8,	/* the same with SipHash */
	GOMAP_KANY,
};

/*
 * Define a function for each kind but the most common one, out of line, from @fn,
 * whose last parameter is the kind. One function for all of them would have the
 * stack frame that the most demanding kind needs, and its registers to save, on
 * every call.
 */
#define GOMAP_DEFINE_KINDS(type, fn, parameters, ...)			\
static noinline type fn##_k4 parameters					\
{									\
	return fn(__VA_ARGS__, GOMAP_K4);				\
}									\
static noinline type fn##_k4v8 parameters				\
{									\
	return fn(__VA_ARGS__, GOMAP_K4V8);				\
}									\
static noinline type fn##_k8 parameters					\
{									\
	return fn(__VA_ARGS__, GOMAP_K8);				\
}									\
static noinline type fn##_s8v8 parameters				\
{									\
	return fn(__VA_ARGS__, GOMAP_S8V8);				\
}									\
static noinline type fn##_any parameters				\
{									\
	return fn(__VA_ARGS__, GOMAP_KANY);				\
}

/*
 * Evaluate to what the one of these for the map's kind returns. Numbers by
 * numbers, which most maps in a kernel are, need no call and are asked for first.
 */
#define GOMAP_CALL_KIND(m, fn, ...)					\
	(likely((m)->kind == GOMAP_K8V8) ? fn(__VA_ARGS__, GOMAP_K8V8) : \
					   GOMAP_CALL_OTHER(m, fn, __VA_ARGS__))

#define GOMAP_CALL_OTHER(m, fn, ...)					\
({									\
	typeof(fn(__VA_ARGS__, GOMAP_KANY)) __ret;			\
									\
	switch ((m)->kind) {						\
	case GOMAP_S8V8:						\
		__ret = fn##_s8v8(__VA_ARGS__);				\
		break;							\
	case GOMAP_K4:							\
		__ret = fn##_k4(__VA_ARGS__);				\
		break;							\
	case GOMAP_K4V8:						\
		__ret = fn##_k4v8(__VA_ARGS__);				\
		break;							\
	case GOMAP_K8:							\
		__ret = fn##_k8(__VA_ARGS__);				\
		break;							\
	default:							\
		__ret = fn##_any(__VA_ARGS__);				\
		break;							\
	}								\
	__ret;								\
})

/*
 * Copying. Small sizes that are known at compile time become a load and a
 * store.
 */
struct gomap_half {
	u32 half;
} __packed;

static __always_inline void gomap_copy(void *dst, const void *src, u32 size)
{
	struct gochan_word *to = dst;
	const struct gochan_word *from = src;

	if (__builtin_constant_p(size) && (size == 8 || size == 16)) {
		to[0] = from[0];
		if (size == 16)
			to[1] = from[1];
	} else if (__builtin_constant_p(size) && size == 4) {
		((struct gomap_half *)dst)->half =
			((const struct gomap_half *)src)->half;
	} else {
		memcpy(dst, src, size);
	}
}

static __always_inline void gomap_zero(void *dst, u32 size)
{
	struct gochan_word *to = dst;

	if (__builtin_constant_p(size) && (size == 8 || size == 16)) {
		to[0].word = 0;
		if (size == 16)
			to[1].word = 0;
	} else {
		memset(dst, 0, size);
	}
}

/*
 * Slots: the key, with GOMAP_BYTES one byte for its length, then the value or
 * the pointer to its block.
 */

static __always_inline bool gomap_has_words(enum gomap_kind kind)
{
	return kind == GOMAP_K4V8 || kind == GOMAP_K8V8 || kind == GOMAP_S8V8;
}

static __always_inline u32 gomap_slot_size(const struct gomap *m,
					   enum gomap_kind kind)
{
	return gomap_has_words(kind) ? 16 : m->slot_size;
}

static __always_inline u32 gomap_val_off(const struct gomap *m,
					 enum gomap_kind kind)
{
	return kind == GOMAP_K4 || kind == GOMAP_KANY ? m->val_off : 8;
}

static __always_inline u32 gomap_val_size(const struct gomap *m,
					  enum gomap_kind kind)
{
	return gomap_has_words(kind) ? 8 : m->val_size;
}

/* Are values kept in blocks? */
static __always_inline bool gomap_outline(const struct gomap *m,
					  enum gomap_kind kind)
{
	return gomap_val_size(m, kind) > GOMAP_MAX_INLINE;
}

static __always_inline void *gomap_slot(const struct gomap *m,
					const struct gomap_table *t,
					unsigned long slot,
					enum gomap_kind kind)
{
	return t->slots + slot * gomap_slot_size(m, kind);
}

/* The first slot of a group. */
static __always_inline void *gomap_group(const struct gomap *m,
					 const struct gomap_table *t,
					 unsigned long group,
					 enum gomap_kind kind)
{
	return gomap_slot(m, t, group * GOMAP_GROUP, kind);
}

static __always_inline struct gomap_block **
gomap_slot_block(const struct gomap *m, void *slot, enum gomap_kind kind)
{
	return slot + gomap_val_off(m, kind);
}

/*
 * The length of a slot's key. A reader may meet a slot that is being changed,
 * with any length in it: the byte is loaded once, so that the length which was
 * bounded is the one that is used.
 */
static __always_inline u32 gomap_slot_len(const struct gomap *m,
					  const void *slot)
{
	const u8 *len = slot + m->key_size;

	if (!(m->flags & GOMAP_BYTES))
		return m->key_size;
	return min_t(u32, READ_ONCE(*len), m->key_size);
}

static __always_inline u32 gomap_slot_key_len(const struct gomap *m,
					      const void *slot,
					      enum gomap_kind kind)
{
	switch (kind) {
	case GOMAP_K4:
	case GOMAP_K4V8:
		return 4;
	case GOMAP_K8:
	case GOMAP_K8V8:
	case GOMAP_S8V8:
		return 8;
	default:
		return gomap_slot_len(m, slot);
	}
}

static __always_inline struct gomap_key
gomap_slot_key(const struct gomap *m, const void *slot, enum gomap_kind kind)
{
	return (struct gomap_key) {
		.data = slot,
		.len = gomap_slot_key_len(m, slot, kind),
	};
}

/*
 * Fetching in advance what a search will look at first.
 */

/* The first group of a search, in the table of a directory entry. */
static inline unsigned long gomap_word_group(unsigned long word, u64 hash)
{
	return gomap_first_group(hash, gomap_word_mask(word));
}

/* Is a whole group of slots no more than the two cache lines it may take? */
static __always_inline bool gomap_fetches_slots(const struct gomap *m,
						enum gomap_kind kind)
{
	return gomap_slot_size(m, kind) * GOMAP_GROUP <= 2 * 64;
}

/* Is the map small enough to be in the cache? */
static __always_inline bool gomap_is_near(const struct gomap *m,
					  const struct gomap_dir *d,
					  enum gomap_kind kind)
{
	return d->depth <= GOMAP_NEAR_DEPTH && gomap_fetches_slots(m, kind);
}

/* @entry may change: what is fetched is never used without a check. */
static __always_inline void gomap_fetch_slots(const struct gomap *m,
					      const struct gomap_entry *entry,
					      unsigned long group,
					      enum gomap_kind kind)
{
	void *slots = READ_ONCE(entry->slots);

	if (!gomap_fetches_slots(m, kind))
		return;
	slots += group * GOMAP_GROUP * gomap_slot_size(m, kind);
	prefetch(slots);
	prefetch(slots + 64);
}

/*
 * Hashes.
 */

/* 64 x 64 -> 128 bits, folded. */
static inline u64 gomap_fold(u64 a, u64 b)
{
#if defined(__SIZEOF_INT128__) && \
	(defined(CONFIG_ARCH_SUPPORTS_INT128) || defined(CONFIG_X86_64))
	__uint128_t product = (__uint128_t)a * b;

	return product ^ (product >> 64);
#else
	u64 lo = (u64)(u32)a * (u32)b, hi = (a >> 32) * (b >> 32);
	u64 mid = (a >> 32) * (u32)b, mid2 = (u64)(u32)a * (b >> 32);

	mid += lo >> 32;
	mid2 += (u32)mid;
	return (mid2 << 32 | (u32)lo) ^ (hi + (mid >> 32) + (mid2 >> 32));
#endif
}

/* 2^64 divided by the golden ratio: odd, and its bits have no pattern. */
#define GOMAP_HASH_FACTOR	0x9e3779b97f4a7c15ULL

/*
 * A fast hash for keys that nobody chooses to collide: the seed moves the key
 * to a random place, the fold mixes high bits into low ones and back.
 */
static inline u64 gomap_hash_u64(u64 key, u64 seed)
{
	return gomap_fold(key ^ seed, GOMAP_HASH_FACTOR);
}

static __always_inline u64 gomap_load_key(const void *data, u32 size)
{
	u64 key = 0;

	/* Widened by value, so that it is the same on all machines. */
	if (size == 8) {
		gomap_copy(&key, data, 8);
	} else {
		u32 key32;

		gomap_copy(&key32, data, 4);
		key = key32;
	}
	return key;
}

/*
 * SipHash-1-3 of a word: one round for each word that comes in, three at the
 * end. Its authors offer it for hash tables, and those of Rust, Python and Ruby
 * have it, as has hsiphash() on 64-bit machines, which returns too few bits. It
 * has five rounds to do, siphash_1u64() eight, and stays in registers here.
 */
static __always_inline u64 gomap_siphash_word(u64 word,
					      const siphash_key_t *seed)
{
	/* The last word that comes in: the length, in the highest byte. */
	const u64 len = (u64)sizeof(word) << 56;
	u64 v0 = SIPHASH_CONST_0 ^ seed->key[0];
	u64 v1 = SIPHASH_CONST_1 ^ seed->key[1];
	u64 v2 = SIPHASH_CONST_2 ^ seed->key[0];
	u64 v3 = SIPHASH_CONST_3 ^ seed->key[1] ^ word;

	SIPHASH_PERMUTATION(v0, v1, v2, v3);
	v0 ^= word;
	v3 ^= len;
	SIPHASH_PERMUTATION(v0, v1, v2, v3);
	v0 ^= len;
	v2 ^= 0xff;
	SIPHASH_PERMUTATION(v0, v1, v2, v3);
	SIPHASH_PERMUTATION(v0, v1, v2, v3);
	SIPHASH_PERMUTATION(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

static __always_inline u64 gomap_hash(const struct gomap *m,
				      const struct gomap_key *k,
				      const siphash_key_t *seed,
				      enum gomap_kind kind)
{
	switch (kind) {
	case GOMAP_K4:
	case GOMAP_K4V8:
		return gomap_hash_u64(gomap_load_key(k->data, 4), seed->key[0]);
	case GOMAP_K8:
	case GOMAP_K8V8:
		return gomap_hash_u64(gomap_load_key(k->data, 8), seed->key[0]);
	case GOMAP_S8V8:
		return gomap_siphash_word(gomap_load_key(k->data, 8), seed);
	default:
		break;
	}
	if (m->hash)
		return m->hash(k->data, k->len, seed->key[0]);
	if (m->flags & GOMAP_SIPHASH)
		return gomap_siphash(k->data, k->len, seed->key[0],
				     seed->key[1]);
	return gomap_hash_bytes(k->data, k->len, seed->key[0]);
}

/* Does the hash take but half of a seed? */
static __always_inline bool gomap_half_seed(enum gomap_kind kind)
{
	return kind != GOMAP_KANY && kind != GOMAP_S8V8;
}

/*
 * What hashes take of a directory's seed, which may be redrawn while it is read:
 * see __gomap_draw_seed().
 */
static __always_inline siphash_key_t gomap_seed(const struct gomap_dir *d,
						enum gomap_kind kind)
{
	siphash_key_t seed = { { READ_ONCE(d->seed.key[0]) } };

	if (!gomap_half_seed(kind))
		seed.key[1] = READ_ONCE(d->seed.key[1]);
	return seed;
}

/* Is that still what it was? */
static __always_inline bool gomap_same_seed(const struct gomap_dir *d,
					    const siphash_key_t *seed,
					    enum gomap_kind kind)
{
	return READ_ONCE(d->seed.key[0]) == seed->key[0] &&
	       (gomap_half_seed(kind) ||
		READ_ONCE(d->seed.key[1]) == seed->key[1]);
}

/* Is the key equal to itself? */
static __always_inline bool gomap_reflexive(const struct gomap *m,
					    const struct gomap_key *k,
					    enum gomap_kind kind)
{
	if (kind != GOMAP_KANY || likely(!(m->flags & GOMAP_IRREFLEXIVE)))
		return true;
	return m->equal(k->data, k->data, k->len, k->len);
}

/*
 * The hash of a key for storing it. Keys that differ from themselves are never
 * looked up, and would all crowd into one place if their hash were not random.
 */
static __always_inline u64 gomap_store_hash(const struct gomap *m,
					    const struct gomap_key *k,
					    const siphash_key_t *seed,
					    enum gomap_kind kind)
{
	if (unlikely(!gomap_reflexive(m, k, kind)))
		return get_random_u64();
	return gomap_hash(m, k, seed, kind);
}

/* Take in what the caller gave as a key. Return 0, or -EINVAL. */
static __always_inline int gomap_key_init(const struct gomap *m,
					  struct gomap_key *k, const void *key,
					  enum gomap_kind kind)
{
	const struct gomap_bytes *bytes = key;

	if (kind != GOMAP_KANY || !(m->flags & GOMAP_BYTES)) {
		k->data = key;
		k->len = gomap_slot_key_len(m, key, kind);
		return 0;
	}
	k->data = bytes->data;
	k->len = bytes->len;
	return k->len <= m->key_size ? 0 : -EINVAL;
}

/* How far apart keys are in an array of them. */
static __always_inline u32 gomap_key_stride(const struct gomap *m,
					    enum gomap_kind kind)
{
	switch (kind) {
	case GOMAP_K4:
	case GOMAP_K4V8:
		return 4;
	case GOMAP_K8:
	case GOMAP_K8V8:
	case GOMAP_S8V8:
		return 8;
	default:
		return m->flags & GOMAP_BYTES ? sizeof(struct gomap_bytes) :
						m->key_size;
	}
}

/* Give a key out to the caller. */
static inline void gomap_key_out(const struct gomap *m, const void *slot,
				 void *key)
{
	struct gomap_bytes *bytes = key;

	if (m->flags & GOMAP_BYTES) {
		bytes->len = gomap_slot_len(m, slot);
		memcpy(bytes->data, slot, bytes->len);
	} else {
		memcpy(key, slot, m->key_size);
	}
}

/*
 * Searching.
 */

/*
 * Does the slot have the key @k? A reader may get a wrong answer; with a map's own
 * equality it passes @seq.
 */
static __always_inline bool gomap_slot_has(const struct gomap *m,
					   const struct gomap_table *t,
					   const void *slot,
					   const struct gomap_key *k,
					   const unsigned int *seq,
					   enum gomap_kind kind)
{
	switch (kind) {
	case GOMAP_K4:
	case GOMAP_K4V8:
		return gomap_load_key(slot, 4) == gomap_load_key(k->data, 4);
	case GOMAP_K8:
	case GOMAP_K8V8:
	case GOMAP_S8V8:
		return gomap_load_key(slot, 8) == gomap_load_key(k->data, 8);
	default:
		break;
	}
	if (unlikely(m->equal))
		return gomap_equal(m, t, slot, k, seq);
	return gomap_slot_len(m, slot) == k->len &&
	       !memcmp(slot, k->data, k->len);
}

/* Does a search end with a group, which has the control word @ctrl? */
static __always_inline bool gomap_ends(const struct gomap_table *t,
				       unsigned long group, u64 ctrl, u64 hash)
{
	if (!gomap_is_dense(t) && likely(gomap_match_empty(ctrl)))
		return true;
	return !(READ_ONCE(*gomap_passed(t->ctrl, group)) >>
		 gomap_class(hash) & 1);
}

/*
 * The number of the slot that has the key, or -1. A writer holds the table's
 * lock and passes NULL for @seq. A reader may meet anything half changed; its
 * search ends after all groups at the latest, stays within the table, and what
 * it finds counts only if @seq has not moved.
 */
static __always_inline int gomap_find(const struct gomap *m,
				      const struct gomap_table *t, u32 mask,
				      const struct gomap_key *k,
				      const unsigned int *seq,
				      enum gomap_kind kind)
{
	struct gomap_probe p = gomap_probe_start(k->hash, mask);

	for (; p.step <= mask; gomap_probe_next(&p, mask)) {
		u64 ctrl = READ_ONCE(t->ctrl[p.group]);
		u64 match = gomap_match_h2(ctrl, gomap_h2(k->hash));

		for (; match; match &= match - 1) {
			u32 nr = p.group * GOMAP_GROUP + gomap_first(match);
			void *slot = gomap_slot(m, t, nr, kind);

			if (likely(gomap_slot_has(m, t, slot, k, seq, kind)))
				return nr;
		}
		if (likely(gomap_ends(t, p.group, ctrl, k->hash)))
			break;
	}
	return -1;
}

/**
 * struct gomap_free - where a new key goes
 * @slot: the first deleted slot on the key's way, or else the first empty one;
 *	beyond the table's end if it has no room, as only a single group does
 * @tombstone: it is a deleted one
 */
struct gomap_free {
	u32 slot;
	bool tombstone;
};

/*
 * The same for who may insert: also find where the key goes if it is not there.
 * The table is locked.
 */
static __always_inline int gomap_find_or_free(const struct gomap *m,
					      const struct gomap_table *t,
					      const struct gomap_key *k,
					      struct gomap_free *f,
					      enum gomap_kind kind)
{
	u32 mask = gomap_mask(t), end = gomap_table_slots(t);
	struct gomap_probe p = gomap_probe_start(k->hash, mask);

	f->slot = end;
	f->tombstone = false;
	for (; p.step <= mask; gomap_probe_next(&p, mask)) {
		u64 ctrl = t->ctrl[p.group];
		u64 match = gomap_match_h2(ctrl, gomap_h2(k->hash));
		u64 empty = gomap_match_empty(ctrl);

		for (; match; match &= match - 1) {
			u32 nr = p.group * GOMAP_GROUP + gomap_first(match);
			void *slot = gomap_slot(m, t, nr, kind);

			if (likely(gomap_slot_has(m, t, slot, k, NULL, kind)))
				return nr;
		}
		if (likely(empty)) {
			if (likely(!f->tombstone))
				f->slot = p.group * GOMAP_GROUP +
					  gomap_first(empty);
			break;
		}
		/* No group has both empty and deleted slots. */
		if (unlikely(gomap_match_free(ctrl)) && !f->tombstone) {
			f->slot = p.group * GOMAP_GROUP +
				  gomap_first(gomap_match_free(ctrl));
			f->tombstone = true;
		}
	}
	return -1;
}

#endif /* _GOMAP_KEY_H */
