/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the gomap suites share: maps that end with their test, keys and values
 * made from numbers, and allocations that fail when told to.
 *
 * The suites use the public API, and of the core's private parts those that
 * let a test see the geometry: map_internal.h.
 */

#ifndef _GOMAP_KUNIT_H
#define _GOMAP_KUNIT_H

#include <linux/gomap.h>
#include <linux/prandom.h>

#include "gochan_kunit.h"
#include "../kmod/core/map_internal.h"

extern struct kunit_suite gomap_rules_suite;
extern struct kunit_suite gomap_growth_suite;
extern struct kunit_suite gomap_api_suite;
extern struct kunit_suite gomap_keys_suite;
extern struct kunit_suite gomap_model_suite;
extern struct kunit_suite gomap_walk_suite;
extern struct kunit_suite gomap_iter_suite;
extern struct kunit_suite gomap_order_suite;
extern struct kunit_suite gomap_scan_suite;
extern struct kunit_suite gomap_fail_suite;
extern struct kunit_suite gomap_reserve_suite;
extern struct kunit_suite gomap_window_suite;
extern struct kunit_suite gomap_race_suite;
extern struct kunit_suite gomap_clear_suite;
extern struct kunit_suite gomap_writers_suite;
extern struct kunit_suite gomap_bound_suite;
extern struct kunit_suite gomap_dir_suite;
extern struct kunit_suite gomap_large_suite;
extern struct kunit_suite gomap_stock_suite;
extern struct kunit_suite gomap_step_suite;
extern struct kunit_suite gomap_first_suite;
extern struct kunit_suite gomap_dir_race_suite;
extern struct kunit_suite gomap_payer_suite;

/* Full-size tables of the real geometry. */
#define GMT_REAL	1024

/* What an id never is. */
#define GMT_NO_ID	U32_MAX

/**
 * struct gmt_key - the key of an id
 * @data: its bytes
 * @bytes: refers to @data, for maps with GOMAP_BYTES
 * @arg: what the API wants as the key
 */
struct gmt_key {
	u8 data[GOMAP_MAX_KEY_SIZE] __aligned(8);
	struct gomap_bytes bytes;
	void *arg;
};

/* Maps that are destroyed when the test has ended and its threads are gone. */
struct gomap *gmt_map(struct kunit *test, const struct gomap_params *p,
		      u32 max_slots, size_t hint);
struct gomap *gmt_map_u64(struct kunit *test, u32 max_slots);

/*
 * Keys and values as functions of an id and a version. Keys need 4 bytes and
 * more; a version can be told from a value of 8 bytes and more.
 */
void gmt_key_init(const struct gomap_params *p, struct gmt_key *k);
void gmt_key_of(const struct gomap_params *p, struct gmt_key *k, u32 id);
u32 gmt_id_of(const struct gomap_params *p, const void *data, u32 len);
void gmt_val_of(u32 size, void *val, u32 id, u32 version);
bool gmt_val_whole(u32 size, const void *val, u32 id, u32 *version);

/* Wait until a map does nothing by itself; say what is wrong with it. */
const char *gmt_wrong(struct gomap *m);

/* A prandom number below a limit. */
u32 gmt_below(struct rnd_state *rnd, u32 limit);

/* One turn of a loop beside others, fair also with one CPU. */
void gmt_breathe(unsigned int *turns);

/*
 * Hashes for tests. The first is the key itself, so that the test decides about
 * table, group and H2; the second is good, of the others each lacks something.
 */
u64 gmt_hash_is_key(const void *key, u32 len, u64 seed);
u64 gmt_hash_good(const void *key, u32 len, u64 seed);
u64 gmt_hash_weak(const void *key, u32 len, u64 seed);
u64 gmt_hash_same(const void *key, u32 len, u64 seed);
bool gmt_equal(const void *a, const void *b, u32 a_len, u32 b_len);

/*
 * Of the allocations of this task that may not block, let the @nth fail. Ends
 * with gmt_fail_end(), which tells whether that has happened.
 */
bool gmt_can_fail(void);
void gmt_fail_begin(unsigned int nth);
bool gmt_fail_end(void);

/* Allocates or fails at once. */
#define GMT_NOWAIT	(GFP_NOWAIT | __GFP_NOWARN)

#define GMT_CHECK(test, m)						\
do {									\
	const char *__wrong = gmt_wrong(m);				\
									\
	KUNIT_EXPECT_TRUE_MSG(test, !__wrong, "%s", __wrong ?: "");	\
} while (0)

/* The same in loops, where a thousand failures say no more than one. */
#define GMT_MUST_CHECK(test, m)						\
do {									\
	const char *__wrong = gmt_wrong(m);				\
									\
	KUNIT_ASSERT_TRUE_MSG(test, !__wrong, "%s", __wrong ?: "");	\
} while (0)

#define GMT_EXPECT_SHAPE(test, m, want_entries, want_tables, want_slots) \
do {									\
	struct kunit *__test = (test);					\
	struct gomap_stats __st;					\
									\
	gomap_stats(m, &__st);						\
	KUNIT_EXPECT_EQ(__test, __st.entries, (size_t)(want_entries));	\
	KUNIT_EXPECT_EQ(__test, __st.tables, (size_t)(want_tables));	\
	KUNIT_EXPECT_EQ(__test, __st.slots, (size_t)(want_slots));	\
} while (0)

/* Maps of u64 to u64, as most tests use. */
static inline int gmt_put(struct gomap *m, u64 key, u64 val,
			  enum gomap_put_how how)
{
	return gomap_put(m, &key, &val, how, GFP_KERNEL);
}

static inline int gmt_put_nowait(struct gomap *m, u64 key, u64 val)
{
	return gomap_put(m, &key, &val, GOMAP_ANY, GMT_NOWAIT);
}

static inline int gmt_delete(struct gomap *m, u64 key)
{
	return gomap_delete(m, &key);
}

static inline bool gmt_has(const struct gomap *m, u64 key, u64 want)
{
	u64 val = GCT_POISON_U64;

	return gomap_get(m, &key, &val) && val == want;
}

static inline bool gmt_lacks(const struct gomap *m, u64 key)
{
	u64 val = GCT_POISON_U64;

	return !gomap_get(m, &key, &val) && !val && !gomap_contains(m, &key);
}

/* Put the keys from @from to before @to, as their own values. */
void gmt_fill(struct kunit *test, struct gomap *m, u64 from, u64 to);

/* How many of these keys are missing, or have another value? */
u64 gmt_missing(const struct gomap *m, u64 from, u64 to);

/* Do one step of a pass that is due; return true at its end. */
static inline bool gmt_pass_step(struct gomap *m)
{
	m->pass.credit = gomap_len(m);
	return gomap_shrink_some(m, 1, GFP_KERNEL);
}

/* Do one step of shrinking; begin a pass if none is in progress. */
static inline void gmt_shrink_step(struct gomap *m)
{
	WRITE_ONCE(m->shrink_due, true);
	gmt_pass_step(m);
}

/* The table that has a hash. Nobody may change the map meanwhile. */
static inline struct gomap_table *gmt_table(const struct gomap *m, u64 hash)
{
	return gomap_dir_table(rcu_dereference_protected(m->dir, true), hash);
}

#endif /* _GOMAP_KUNIT_H */
