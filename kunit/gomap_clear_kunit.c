// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - a map that is cleared while others use it
 *
 * One thread fills the map with values of the number of the round, and clears
 * it. Readers that begin after a clear must not see a value of its round, nor
 * an earlier one; each value they see must be whole. Another writer meddles
 * with keys of its own.
 */

#include <linux/atomic.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

#define IDS		2000
#define MAX_VAL		256

/* Version of the meddler's values: later than all rounds. */
#define MEDDLED		U32_MAX

struct scene {
	const char *name;
	struct gomap_params p;
	u32 max_slots;
};

static const struct scene scenes[] = {
	{ "8 to 8, tables of 8", { .key_size = 8, .val_size = 8 }, 8 },
	{ "8 to 8, tables of 1024", { .key_size = 8, .val_size = 8 },
	  GMT_REAL },
	{ "8 to 256, tables of 16", { .key_size = 8, .val_size = 256 }, 16 },
	{ "bytes to 128, tables of 32", { .key_size = 24, .val_size = 128,
	  .flags = GOMAP_BYTES }, 32 },
};

static void scene_desc(const struct scene *scene, char *desc)
{
	strscpy(desc, scene->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scene, scenes, scene_desc);

/**
 * struct field - what the threads of a test share
 * @m: the map
 * @p: what it holds
 * @over: all rounds are done
 * @cleared: the latest round whose clear has returned
 * @torn: values of which no version was ever stored
 * @old: values of rounds that had been cleared away
 * @wrong: results that must not be
 */
struct field {
	struct gomap *m;
	const struct gomap_params *p;
	bool over;
	u32 cleared;
	atomic_t torn;
	atomic_t old;
	atomic_t wrong;
};

/* What each thread has for itself. */
struct hand {
	struct field *field;
	struct rnd_state rnd;
	unsigned int turns;
	struct gmt_key k;
	struct gomap_iter it;
	u8 val[MAX_VAL];
};

static struct hand *hand_new(struct kunit *test, struct field *field, u64 seed)
{
	struct hand *hand = kunit_kzalloc(test, sizeof(*hand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hand);
	hand->field = field;
	prandom_seed_state(&hand->rnd, seed);
	return hand;
}

static int put(struct hand *hand, u32 id, u32 version)
{
	const struct gomap_params *p = hand->field->p;

	gmt_key_of(p, &hand->k, id);
	gmt_val_of(p->val_size, hand->val, id, version);
	return gomap_put(hand->field->m, hand->k.arg, hand->val, GOMAP_ANY,
			 GFP_KERNEL);
}

static void saw(struct hand *hand, u32 id, u32 cleared)
{
	struct field *field = hand->field;
	u32 version;

	if (!gmt_val_whole(field->p->val_size, hand->val, id, &version))
		atomic_inc(&field->torn);
	else if (version <= cleared)
		atomic_inc(&field->old);
}

static void read_one(struct hand *hand, u32 cleared)
{
	struct field *field = hand->field;
	u32 id = gmt_below(&hand->rnd, 2 * IDS);

	gmt_key_of(field->p, &hand->k, id);
	if (gomap_get(field->m, hand->k.arg, hand->val))
		saw(hand, id, cleared);
	gmt_breathe(&hand->turns);
}

static void read_all(struct hand *hand, u32 cleared)
{
	struct field *field = hand->field;
	u32 id;

	gmt_key_init(field->p, &hand->k);
	gomap_iter_init(&hand->it, field->m);
	while (gomap_iter_next(&hand->it, hand->k.arg, hand->val)) {
		memcpy(&id, hand->k.data, sizeof(id));
		saw(hand, id, cleared);
		gmt_breathe(&hand->turns);
	}
}

static int reader_fn(struct gct_thread *thread)
{
	struct hand *hand = thread->arg;
	struct field *field = hand->field;

	while (!READ_ONCE(field->over) && !gct_stopping(thread)) {
		/* Pairs with the release in clear_round(). */
		u32 cleared = smp_load_acquire(&field->cleared);

		if (gmt_below(&hand->rnd, 64))
			read_one(hand, cleared);
		else
			read_all(hand, cleared);
	}
	return 0;
}

static int meddler_fn(struct gct_thread *thread)
{
	struct hand *hand = thread->arg;
	struct field *field = hand->field;

	while (!READ_ONCE(field->over) && !gct_stopping(thread)) {
		u32 id = IDS + gmt_below(&hand->rnd, IDS);
		int err;

		if (gmt_below(&hand->rnd, 3)) {
			err = put(hand, id, MEDDLED);
		} else {
			gmt_key_of(field->p, &hand->k, id);
			err = gomap_delete(field->m, hand->k.arg);
		}
		if (err && err != -ENOENT)
			atomic_inc(&field->wrong);
		gmt_breathe(&hand->turns);
	}
	return 0;
}

/* What was there is gone at once, whatever the others do. */
static void clear_round(struct kunit *test, struct hand *hand, u32 round)
{
	u32 id, ids = gmt_below(&hand->rnd, IDS);
	struct field *field = hand->field;

	for (id = 0; id < ids; id++) {
		KUNIT_ASSERT_EQ(test, 0, put(hand, id, round));
		if (id % 4 == 0)
			gmt_breathe(&hand->turns);
	}
	gomap_clear(field->m);
	for (id = 0; id < ids; id += 7) {
		gmt_key_of(field->p, &hand->k, id);
		KUNIT_ASSERT_FALSE(test, gomap_contains(field->m, hand->k.arg));
	}
	/* Release: who sees it sees the map without that round. */
	smp_store_release(&field->cleared, round); /* as said above */
}

static void readers_and_writers_race_clear(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	struct field *field = kunit_kzalloc(test, sizeof(*field), GFP_KERNEL);
	u32 i, round, rounds = gochan_scaled(60);
	struct gct_thread *threads[3];
	u64 seed = gochan_seed();
	struct hand *hand;

	KUNIT_ASSERT_NOT_NULL(test, field);
	kunit_info(test, "seed %llu\n", seed);
	field->p = &scene->p;
	field->m = gmt_map(test, field->p, scene->max_slots, 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = gct_start(test, i ? reader_fn : meddler_fn,
				       hand_new(test, field, seed * 16 + i));
	hand = hand_new(test, field, seed);
	for (round = 1; round <= rounds; round++)
		clear_round(test, hand, round);
	WRITE_ONCE(field->over, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, threads[i]));

	KUNIT_EXPECT_EQ(test, atomic_read(&field->torn), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&field->old), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&field->wrong), 0);
	GMT_CHECK(test, field->m);
	gomap_clear(field->m);
	KUNIT_EXPECT_EQ(test, gomap_len(field->m), (size_t)0);
	GMT_CHECK(test, field->m);
}

static struct kunit_case clear_cases[] = {
	KUNIT_CASE_PARAM(readers_and_writers_race_clear, scene_gen_params),
	{}
};

struct kunit_suite gomap_clear_suite = {
	.name = "gomap-clear",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = clear_cases,
};
