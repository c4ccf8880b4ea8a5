/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps: how a key is read without a lock, inlined into lookups of one key
 * (map_read.c) and of many (map_many.c).
 *
 * A lookup finds its table and reads it; it starts over if the table's sequence
 * count says that a writer was there.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#ifndef _GOMAP_READ_H
#define _GOMAP_READ_H

#include "map_internal.h"
#include "map_key.h"

/* What a reader copies: the value, the whole slot, or nothing. */
enum gomap_what {
	GOMAP_NOTHING,
	GOMAP_VALUE,
	GOMAP_SLOT,
};

/* map_read.c */
bool gomap_search(const struct gomap *m, const void *data, u32 len,
		  enum gomap_what what, void *dst);
bool gomap_read_slowly(const struct gomap *m, const void *key,
		       enum gomap_what what, void *dst);

/*
 * Look for a key in the table of a directory entry, and copy what is asked for.
 *
 * The count makes what is copied the state of the table at one moment. It is
 * even whenever this CPU gets here: a writer changes it with interrupts off,
 * so a reader that interrupted one waits for other CPUs only.
 *
 * The table may have been replaced since the entry was read, and its successor
 * have changed: the stale table still has what it had then. That is the state
 * of the map at a moment after the reader began, since it found the table in
 * the directory, and a reader that begins later finds the successor.
 */
static __always_inline bool gomap_read_table(const struct gomap *m,
					     unsigned long word,
					     const struct gomap_key *k,
					     enum gomap_what what, void *dst,
					     enum gomap_kind kind)
{
	const struct gomap_table *t = gomap_word_table(word);
	u32 mask = gomap_word_mask(word);
	struct gomap_block *block = NULL;
	unsigned int seq;
	void *slot;
	int nr;

	do {
		/*
		 * Pairs with write_seqcount_begin() and _end(). Test:
		 * map-seqcount.litmus.
		 */
		seq = read_seqcount_begin(&t->seq);
		nr = gomap_find(m, t, mask, k, &seq, kind);
		if (nr < 0 || what == GOMAP_NOTHING)
			continue;
		slot = gomap_slot(m, t, nr, kind);
		if (what == GOMAP_SLOT)
			gomap_copy(dst, slot, gomap_slot_size(m, kind));
		else if (gomap_outline(m, kind))
			block = READ_ONCE(*gomap_slot_block(m, slot, kind));
		else
			gomap_copy(dst, slot + gomap_val_off(m, kind),
				   gomap_val_size(m, kind));
	} while (read_seqcount_retry(&t->seq, seq));

	/* A block does not change, and RCU keeps it. */
	if (nr >= 0 && block)
		memcpy(dst, block->data, gomap_val_size(m, kind));
	return nr >= 0;
}

/* What the first group of a search says of a key. */
enum gomap_hint {
	GOMAP_HERE,	/* a slot most likely has it */
	GOMAP_ABSENT,	/* it is not in the table */
	GOMAP_FURTHER,	/* it may be in other groups */
};

/*
 * Nearly always that is the answer for a key of a known size. What it takes to
 * go on would cost registers that this does not need. @slot: out, if it is here.
 */
static __always_inline enum gomap_hint
gomap_look(const struct gomap *m, const struct gomap_table *t,
	   unsigned long group, u64 hash, void **slot, enum gomap_kind kind)
{
	u64 ctrl = READ_ONCE(t->ctrl[group]);
	u64 match = gomap_match_h2(ctrl, gomap_h2(hash));

	if (match) {
		*slot = gomap_group(m, t, group, kind) +
			gomap_first_offset(match, gomap_slot_size(m, kind));
		return GOMAP_HERE;
	}
	return gomap_ends(t, group, ctrl, hash) ? GOMAP_ABSENT : GOMAP_FURTHER;
}

/* Read that slot. Return whether it has the key. */
static __always_inline bool gomap_read_slot(const struct gomap *m,
					    const struct gomap_table *t,
					    const void *slot,
					    const struct gomap_key *k,
					    enum gomap_what what, void *dst,
					    enum gomap_kind kind)
{
	if (unlikely(!gomap_slot_has(m, t, slot, k, NULL, kind)))
		return false;
	if (what == GOMAP_VALUE)
		gomap_copy(dst, slot + gomap_val_off(m, kind),
			   gomap_val_size(m, kind));
	return true;
}

/*
 * Look at the first group of a table only. Return 1 if the key is there, 0 if it
 * is not in the table, or -1 to go on.
 */
static __always_inline int gomap_read_first(const struct gomap *m,
					    const struct gomap_table *t,
					    unsigned long group,
					    const struct gomap_key *k,
					    enum gomap_what what, void *dst,
					    enum gomap_kind kind)
{
	/* As in gomap_read_table(); while a writer is there, all is in vain. */
	unsigned int seq = raw_seqcount_begin(&t->seq);
	enum gomap_hint hint;
	void *slot;

	hint = gomap_look(m, t, group, k->hash, &slot, kind);
	if (unlikely(hint == GOMAP_FURTHER))
		return -1;
	if (hint == GOMAP_HERE &&
	    unlikely(!gomap_read_slot(m, t, slot, k, what, dst, kind)))
		return -1;
	return unlikely(read_seqcount_retry(&t->seq, seq)) ? -1 :
		hint == GOMAP_HERE;
}

/* Does a group have an answer for most keys of this kind? */
static __always_inline bool gomap_has_first(const struct gomap *m,
					    enum gomap_kind kind)
{
	return kind != GOMAP_KANY && !gomap_outline(m, kind);
}

/*
 * Find the word of the directory's entry for a key, 0 if the map is empty, and
 * the first group of the search, and have its slots fetched unless they are near.
 *
 * Directory and seed belong together, unless __gomap_draw_seed() redraws the
 * seed in place. Then the map was empty at a moment after this reader began,
 * and that is what it reports if the seed misleads it.
 */
static __always_inline unsigned long gomap_find_word(const struct gomap *m,
						     const struct gomap_dir *d,
						     const siphash_key_t *seed,
						     struct gomap_key *k,
						     unsigned long *group,
						     bool near,
						     enum gomap_kind kind)
{
	const struct gomap_entry *entry;
	unsigned long word;

	k->hash = gomap_hash(m, k, seed, kind);
	entry = gomap_dir_entry(d, k->hash);
	word = gomap_word(entry);
	*group = gomap_word_group(word, k->hash);
	if (!near)
		gomap_fetch_slots(m, entry, *group, kind);
	return word;
}

/*
 * The map has no table. Other lookups end with a read barrier, and so does this
 * one: what the caller looks up next must not be older.
 */
static inline bool gomap_read_nothing(void)
{
	/* Pairs with the release in gomap_publish(), or of the map's lock. */
	smp_rmb();
	return false;
}

/* The whole search for a key, in an RCU section. */
static __always_inline bool gomap_search_dir(const struct gomap *m,
					     const struct gomap_dir *d,
					     const siphash_key_t *seed,
					     struct gomap_key *k,
					     enum gomap_what what, void *dst,
					     bool near, enum gomap_kind kind)
{
	unsigned long word, group;

	if (unlikely(!gomap_reflexive(m, k, kind)))
		return false;
	word = gomap_find_word(m, d, seed, k, &group, near, kind);
	if (unlikely(!word))
		return gomap_read_nothing();
	return gomap_read_table(m, word, k, what, dst, kind);
}

/*
 * The same, with a look at the first group only, where that makes sense. Return
 * 1 if the key is there, 0 if not, or -1 if it takes the whole search.
 */
static __always_inline int gomap_read(const struct gomap *m,
				      const struct gomap_dir *d,
				      const siphash_key_t *seed,
				      const void *key, enum gomap_what what,
				      void *dst, bool near,
				      enum gomap_kind kind)
{
	struct gomap_key k = { };
	unsigned long word, group;

	if (gomap_key_init(m, &k, key, kind))
		return 0;
	if (!gomap_has_first(m, kind))
		return gomap_search_dir(m, d, seed, &k, what, dst, near, kind);
	word = gomap_find_word(m, d, seed, &k, &group, near, kind);
	if (unlikely(!word))
		return gomap_read_nothing();
	return gomap_read_first(m, gomap_word_table(word), group, &k, what, dst,
				kind);
}

/* What is left to do for a value after gomap_read() has returned @found. */
static __always_inline bool gomap_got(const struct gomap *m, const void *key,
				      void *val, int found,
				      enum gomap_kind kind)
{
	if (unlikely(found < 0))
		return gomap_read_slowly(m, key, GOMAP_VALUE, val);
	if (!found)
		gomap_zero(val, gomap_val_size(m, kind));
	return found;
}

#endif /* _GOMAP_READ_H */
