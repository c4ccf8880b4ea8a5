// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - readers of a map that others change
 *
 * Some keys are in the map throughout and get overwritten; around them others
 * come and go in tides, so that tables grow, split, halve and merge all the
 * time. Readers must find those keys, and find each value whole and not older
 * than what was stored before they began.
 *
 * With two CPUs all run at once. With one they take turns, and an interrupt
 * that reads and writes the same map can come between any two instructions.
 */

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/hrtimer.h>
#include <linux/preempt.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"
#include "../kmod/compat.h"

/* Ids that stay, and, above them, ids that come and go. */
#define STAY		64
#define TIDE		2048
#define IDS		(STAY + TIDE)

#define BATCH		20
#define MAX_VAL		256

/* Operations of a writer between the turns of its tide. */
#define TURN		(2 * TIDE)

struct scene {
	const char *name;
	struct gomap_params p;
	u32 max_slots;
};

static const struct scene scenes[] = {
	{ "8 to 8, tables of 8", { .key_size = 8, .val_size = 8 }, 8 },
	{ "8 to 8, tables of 1024", { .key_size = 8, .val_size = 8 },
	  GMT_REAL },
	{ "4 to 64, tables of 64", { .key_size = 4, .val_size = 64 }, 64 },
	{ "8 to 256, tables of 16", { .key_size = 8, .val_size = 256 }, 16 },
	{ "bytes to 128, tables of 32", { .key_size = 24, .val_size = 128,
	  .flags = GOMAP_BYTES | GOMAP_UPDATE_KEY }, 32 },
	{ "own hash to 64, tables of 64", { .key_size = 16, .val_size = 64,
	  .hash = gmt_hash_weak, .equal = gmt_equal }, 64 },
};

static void scene_desc(const struct scene *scene, char *desc)
{
	strscpy(desc, scene->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scene, scenes, scene_desc);

/**
 * struct race - what the threads of a test share
 * @m: the map
 * @p: what it holds
 * @nr_writers: writers in all; each has the ids of its number, modulo this
 * @writing: writers not done yet
 * @version: of each id, the version it has or had; of its writer
 * @there: of each id, is it in the map? of its writer
 * @floor: of each id that stays, the version that a read must find, or a later
 * @missed: keys not found that were there
 * @torn: values of which no version was ever stored
 * @old: values older than they could be
 * @twice: keys produced twice, or not at all, by a walk
 * @wrong: results of writes that must not be
 * @reads: reads
 */
struct race {
	struct gomap *m;
	const struct gomap_params *p;
	u32 nr_writers;
	atomic_t writing;
	u32 version[IDS];
	bool there[IDS];
	u32 floor[STAY];
	atomic_t missed;
	atomic_t torn;
	atomic_t old;
	atomic_t twice;
	atomic_t wrong;
	atomic_t reads;
};

/**
 * struct side - one of those who race
 * @race: the race
 * @nr: number of a writer
 * @ops: operations of a writer
 * @done: how many of them are done
 * @gfp: how a writer allocates
 * @rnd: what to do next
 * @hot: what is being read
 * @last: of each id that stays, the latest version seen
 * @floor: of each id that stays, what a walk that began must find
 * @seen: by this walk
 * @it: the iterator of a walk
 * @val: room for values
 * @keys: room for keys
 * @lens: room for their lengths
 */
struct side {
	struct race *race;
	u32 nr;
	u32 ops;
	u32 done;
	gfp_t gfp;
	struct rnd_state rnd;
	u32 hot;
	u32 last[STAY];
	u32 floor[STAY];
	DECLARE_BITMAP(seen, STAY);
	struct gomap_iter it;
	u8 val[BATCH * MAX_VAL];
	u8 keys[BATCH * GOMAP_MAX_KEY_SIZE];
	u32 lens[BATCH];
};

static struct side *side_new(struct kunit *test, struct race *race, u32 nr,
			     u64 seed)
{
	struct side *side = kunit_kzalloc(test, sizeof(*side), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, side);
	side->race = race;
	side->nr = nr;
	side->gfp = GFP_KERNEL;
	prandom_seed_state(&side->rnd, seed * 16 + nr);
	return side;
}

/*
 * Writers.
 */

static void write_put(struct side *side, u32 id)
{
	struct race *race = side->race;
	u32 version = race->version[id] + 1;
	struct gmt_key k;
	int err;

	gmt_key_of(race->p, &k, id);
	gmt_val_of(race->p->val_size, side->val, id, version);
	err = gomap_put(race->m, k.arg, side->val,
			race->there[id] ? GOMAP_EXISTING : GOMAP_NEW,
			side->gfp);
	if (err == -ENOMEM && side->gfp != GFP_KERNEL)
		return;
	if (err)
		atomic_inc(&race->wrong);
	race->version[id] = version;
	race->there[id] = true;
	/* Pairs with the acquire of readers: who sees it sees the value. */
	if (id < STAY)
		smp_store_release(&race->floor[id], version); /* see above */
}

static void write_take(struct side *side, u32 id)
{
	struct race *race = side->race;
	struct gmt_key k;
	u32 version;
	int err;

	gmt_key_of(race->p, &k, id);
	err = gomap_take(race->m, k.arg, side->val);
	if (err != (race->there[id] ? 0 : -ENOENT))
		atomic_inc(&race->wrong);
	if (!err && (!gmt_val_whole(race->p->val_size, side->val, id,
				    &version) || version != race->version[id]))
		atomic_inc(&race->wrong);
	race->there[id] = false;
}

/* An id of this writer at or above @from, which is a multiple of them. */
static u32 own_id(struct side *side, u32 from, u32 nr)
{
	u32 writers = side->race->nr_writers;

	return from + gmt_below(&side->rnd, nr / writers) * writers + side->nr;
}

static void write_step(struct side *side)
{
	bool rising = side->done++ / TURN % 2 == 0;

	if (gmt_below(&side->rnd, 4) == 0)
		write_put(side, own_id(side, 0, STAY));
	else if (gmt_below(&side->rnd, 16) ? rising : !rising)
		write_put(side, own_id(side, STAY, TIDE));
	else
		write_take(side, own_id(side, STAY, TIDE));
}

static int writer_fn(struct gct_thread *thread)
{
	struct side *side = thread->arg;
	unsigned int turns = 0;

	while (side->done < side->ops && !gct_stopping(thread)) {
		write_step(side);
		gmt_breathe(&turns);
	}
	atomic_dec(&side->race->writing);
	return 0;
}

/* Shrink all the time: for some turns step by step, for others in one go. */
static int shrinker_fn(struct gct_thread *thread)
{
	struct race *race = thread->arg;
	unsigned int turn = 0;

	while (atomic_read(&race->writing) && !gct_stopping(thread)) {
		if (turn++ / 64 % 2 == 0)
			gmt_shrink_step(race->m);
		else if (gomap_shrink(race->m, GFP_KERNEL))
			atomic_inc(&race->wrong);
		gct_pause();
	}
	return 0;
}

/*
 * Readers.
 */

/* A value of @id was read; it must be @floor or later. */
static void saw(struct side *side, u32 id, const void *val, u32 floor)
{
	struct race *race = side->race;
	u32 version;

	atomic_inc(&race->reads);
	if (!gmt_val_whole(race->p->val_size, val, id, &version)) {
		atomic_inc(&race->torn);
		return;
	}
	if (id >= STAY)
		return;
	if (version < floor || version < side->last[id])
		atomic_inc(&race->old);
	side->last[id] = version;
}

static u32 floor_of(const struct race *race, u32 id)
{
	/* Pairs with the release in write_put(). */
	return smp_load_acquire(&race->floor[id]);
}

static void read_one(struct side *side, u32 id)
{
	struct race *race = side->race;
	u32 floor = id < STAY ? floor_of(race, id) : 0;
	struct gmt_key k;

	gmt_key_of(race->p, &k, id);
	WRITE_ONCE(side->hot, id);
	if (gomap_get(race->m, k.arg, side->val))
		saw(side, id, side->val, floor);
	else if (id < STAY)
		atomic_inc(&race->missed);
	if (id < STAY && !gomap_contains(race->m, k.arg))
		atomic_inc(&race->missed);
}

/* Of a batch every fourth need not be there. */
static u32 many_id(u32 first, u32 i)
{
	return i % 4 ? (first + i) % STAY : STAY + (first + i) % TIDE;
}

static void read_many(struct side *side)
{
	u32 i, first = gmt_below(&side->rnd, STAY), floor[BATCH];
	struct gomap_bytes bytes[BATCH];
	struct race *race = side->race;
	DECLARE_BITMAP(found, BATCH);
	struct gmt_key k;

	for (i = 0; i < BATCH; i++) {
		u8 *key = side->keys + i * race->p->key_size;
		u32 id = many_id(first, i);

		floor[i] = id < STAY ? floor_of(race, id) : 0;
		gmt_key_of(race->p, &k, id);
		memcpy(key, k.data, race->p->key_size);
		bytes[i].data = key;
		bytes[i].len = k.bytes.len;
	}
	/* For who interrupts: one in the middle. */
	WRITE_ONCE(side->hot, many_id(first, BATCH / 2));
	gomap_get_many(race->m, race->p->flags & GOMAP_BYTES ?
		       (void *)bytes : side->keys, side->val, found, BATCH);
	for (i = 0; i < BATCH; i++) {
		u32 id = many_id(first, i);

		if (test_bit(i, found))
			saw(side, id, side->val + i * race->p->val_size,
			    floor[i]);
		else if (id < STAY)
			atomic_inc(&race->missed);
	}
}

static void walk_begin(struct side *side)
{
	u32 id;

	bitmap_zero(side->seen, STAY);
	for (id = 0; id < STAY; id++)
		side->floor[id] = floor_of(side->race, id);
}

static void walk_saw(struct side *side, const void *key, u32 len,
		     const void *val)
{
	u32 id = gmt_id_of(side->race->p, key, len);

	if (id >= IDS) {
		atomic_inc(&side->race->torn);
		return;
	}
	if (id < STAY && __test_and_set_bit(id, side->seen))
		atomic_inc(&side->race->twice);
	saw(side, id, val, id < STAY ? side->floor[id] : 0);
}

static void walk_end(struct side *side)
{
	if (!bitmap_full(side->seen, STAY))
		atomic_inc(&side->race->twice);
}

static void iterate(struct side *side)
{
	const struct gomap_params *p = side->race->p;
	unsigned int turns = 0;
	struct gmt_key k;

	walk_begin(side);
	gmt_key_init(p, &k);
	gomap_iter_init(&side->it, side->race->m);
	while (gomap_iter_next(&side->it, k.arg, side->val)) {
		walk_saw(side, k.data, p->flags & GOMAP_BYTES ? k.bytes.len :
			 p->key_size, side->val);
		gmt_breathe(&turns);
	}
	gomap_iter_end(&side->it);
	walk_end(side);
}

static void scan(struct side *side)
{
	const struct gomap_params *p = side->race->p;
	struct gomap_cursor c;
	unsigned int turns = 0;
	int i, n;

	walk_begin(side);
	gomap_cursor_init(&c);
	while ((n = gomap_scan(side->race->m, &c, side->keys, side->lens,
			       side->val, BATCH)) > 0) {
		for (i = 0; i < n; i++)
			walk_saw(side, side->keys + i * p->key_size,
				 p->flags & GOMAP_BYTES ? side->lens[i] :
				 p->key_size, side->val + i * p->val_size);
		gmt_breathe(&turns);
	}
	if (n < 0)
		atomic_inc(&side->race->wrong);
	walk_end(side);
}

static void read_step(struct side *side)
{
	u32 dice = gmt_below(&side->rnd, 1000);

	if (dice < 1)
		iterate(side);
	else if (dice < 2)
		scan(side);
	else if (dice < 100)
		read_many(side);
	else
		read_one(side, gmt_below(&side->rnd, dice < 200 ? IDS : STAY));
}

/* Once more after the writers: then nothing can be missing. */
static int reader_fn(struct gct_thread *thread)
{
	struct side *side = thread->arg;
	unsigned int turns = 0;

	do {
		read_step(side);
		gmt_breathe(&turns);
	} while (atomic_read(&side->race->writing) && !gct_stopping(thread));
	iterate(side);
	return 0;
}

/*
 * Races.
 */

static struct race *race_new(struct kunit *test, u32 nr_writers)
{
	const struct scene *scene = test->param_value;
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct side *side;
	u32 id;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->m = gmt_map(test, &scene->p, scene->max_slots, 0);
	race->p = &scene->p;
	race->nr_writers = nr_writers;
	atomic_set(&race->writing, nr_writers);
	side = side_new(test, race, 0, 1);
	for (id = 0; id < STAY; id++)
		write_put(side, id);
	return race;
}

static void race_check(struct kunit *test, struct race *race)
{
	struct side *side = side_new(test, race, 0, 1);
	u32 id, there = 0;

	KUNIT_EXPECT_EQ(test, atomic_read(&race->missed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->torn), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->old), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->twice), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->wrong), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&race->reads), 0);
	for (id = 0; id < IDS; id++) {
		there += race->there[id];
		write_take(side, id);
	}
	KUNIT_EXPECT_GE(test, there, (u32)STAY);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->wrong), 0);
	KUNIT_EXPECT_EQ(test, gomap_len(race->m), (size_t)0);
	GMT_CHECK(test, race->m);
}

static void readers_race_writers(struct kunit *test)
{
	struct gct_thread *writers[2], *readers[2], *shrinker;
	struct race *race = race_new(test, ARRAY_SIZE(writers));
	u64 seed = gochan_seed();
	u32 i;

	kunit_info(test, "seed %llu\n", seed);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		readers[i] = gct_start(test, reader_fn,
				       side_new(test, race, i + 2, seed));
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		struct side *side = side_new(test, race, i, seed);

		side->ops = gochan_scaled(80000);
		writers[i] = gct_start(test, writer_fn, side);
	}
	shrinker = gct_start(test, shrinker_fn, race);
	for (i = 0; i < ARRAY_SIZE(writers); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, writers[i]));
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, readers[i]));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, shrinker));
	GMT_CHECK(test, race->m);
	race_check(test, race);
}

/*
 * An interrupt on the CPU of the other side: it reads what that writes, and
 * writes what that reads.
 */

/**
 * struct irq_side - an interrupt that races
 * @timer: where it comes from
 * @side: what it does
 * @other: the thread that it interrupts
 * @reading: which only reads at present
 * @ticks: how often it came
 */
struct irq_side {
	struct hrtimer timer;
	struct side *side;
	struct side *other;
	bool reading;
	unsigned int ticks;
};

static enum hrtimer_restart irq_fn(struct hrtimer *timer)
{
	struct irq_side *irq = container_of(timer, struct irq_side, timer);
	struct side *side = irq->side;
	unsigned int i;

	/* Then all keys are ours: change what is being copied right now. */
	if (irq->reading)
		write_put(side, irq->other->hot);
	for (i = 0; i < 4; i++) {
		write_step(side);
		read_one(side, gmt_below(&side->rnd, STAY));
	}
	if (irq->ticks % 8 == 0)
		read_many(side);
	/* A growing tide of its own; a walk from end to end now and then. */
	if (irq->ticks++ % 256 == 0)
		scan(side);
	return HRTIMER_NORESTART;
}

static void interrupts_race_thread(struct kunit *test)
{
	struct irq_side *irq = kunit_kzalloc(test, sizeof(*irq), GFP_KERNEL);
	u32 round, rounds = gochan_scaled(6000);
	struct race *race = race_new(test, 2);
	u64 seed = gochan_seed();
	struct side *side = side_new(test, race, 0, seed);

	KUNIT_ASSERT_NOT_NULL(test, irq);
	kunit_info(test, "seed %llu\n", seed);
	irq->side = side_new(test, race, 1, seed);
	irq->side->gfp = GFP_ATOMIC;
	irq->other = side;
	hrtimer_setup(&irq->timer, irq_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	migrate_disable();
	for (round = 0; round < rounds; round++) {
		irq->reading = round % 2;
		hrtimer_start(&irq->timer,
			      ns_to_ktime(3000 + round % 61 * 509),
			      HRTIMER_MODE_REL_PINNED_HARD);
		do {
			if (irq->reading)
				read_step(side);
			else
				write_step(side);
		} while (hrtimer_active(&irq->timer));
		if (round % 1024 == 1023 && gomap_shrink(race->m, GFP_KERNEL))
			atomic_inc(&race->wrong);
		cond_resched();
	}
	migrate_enable();
	KUNIT_EXPECT_EQ(test, irq->ticks, rounds);
	GMT_CHECK(test, race->m);
	race_check(test, race);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(readers_race_writers, scene_gen_params),
	KUNIT_CASE_PARAM(interrupts_race_thread, scene_gen_params),
	{}
};

struct kunit_suite gomap_race_suite = {
	.name = "gomap-race",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = race_cases,
};
