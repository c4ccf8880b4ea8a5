/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps: what all writers begin with, in line: map_write.c, map_take.c.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#ifndef _GOMAP_WRITE_H
#define _GOMAP_WRITE_H

#include <linux/mm.h>
#include <linux/slab.h>

#include "map_key.h"

/*
 * Find the table of a key, which the caller locks then, and the seed that led
 * to it. Return NULL if the map has no table.
 */
static __always_inline struct gomap_table *
gomap_find_table(const struct gomap *m, struct gomap_key *k,
		 siphash_key_t *seed, enum gomap_kind kind)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);
	const struct gomap_entry *entry;
	unsigned long word;

	*seed = gomap_seed(d, kind);
	k->hash = gomap_store_hash(m, k, seed, kind);
	entry = gomap_dir_entry(d, k->hash);
	word = gomap_word(entry);
	/* Taking the lock would keep the loads waiting until it is done. */
	if (likely(word)) {
		unsigned long group = gomap_word_group(word, k->hash);

		prefetch(&gomap_word_table(word)->ctrl[group]);
		gomap_fetch_slots(m, entry, group, kind);
	}
	return gomap_word_table(word);
}

/*
 * Is the table that has been locked the right one?
 *
 * Between the directory and the lock it may have been replaced: then it is
 * stale. Or the seed may have been redrawn, when the last table was dropped, or
 * by gomap_clear(), which will come for this table. With neither, this is the
 * table for the hash, and stays so until the lock is dropped. Otherwise the
 * caller has to begin again, and finds another directory or another entry: both
 * are published before the lock is dropped. Tests: map-clear-put.litmus and
 * map-seed-redrawn.litmus.
 */
static __always_inline bool gomap_is_right(const struct gomap *m,
					   const struct gomap_table *t,
					   const siphash_key_t *seed,
					   enum gomap_kind kind)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);

	return likely(!t->stale && gomap_same_seed(d, seed, kind));
}

/* Free a value that was kept outside the slots, once nobody reads it. */
static inline void gomap_block_free(const struct gomap *m,
				    struct gomap_block *block)
{
	if (!block)
		return;
	if (m->payer)
		gomap_paid_free_rcu(block);
	else
		kvfree_rcu(block, rcu);
}

/*
 * Free what was to be a value and has not become one, at once if the caller may
 * sleep, as vfree() does: a user at the limit soon has it again.
 */
static inline void gomap_block_unused(const struct gomap *m,
				      struct gomap_block *block, gfp_t gfp)
{
	if (block && gfpflags_allow_blocking(gfp))
		gomap_mem_free(m, block);
	else
		gomap_block_free(m, block);
}

#endif /* _GOMAP_WRITE_H */
