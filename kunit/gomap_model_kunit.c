// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - random scripts on maps, compared with a reference
 *
 * The reference is an array: for each id, is it in the map, and with which
 * version. Scripts go through spells in which entries become more, and in
 * which they become fewer, so that a map of small tables splits and merges all
 * the time. After each thousand operations all invariants are checked, and all
 * entries compared.
 *
 * The scripts of a run follow from its seed, which is printed; the module
 * parameter of that name, or GOCHAN_KUNIT_SEED at build time, replays it.
 */

#include <linux/bitmap.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

#define OPS		1000000
#define OPS_PER_CHECK	1000

/* Ids of a script, and its most entries at once. */
#define IDS		1536

/* Checks between two turns of the tide. */
#define SPELL		4

#define BATCH		24

struct kind {
	const char *name;
	struct gomap_params p;
	u32 max_slots;
};

static const struct kind kinds[] = {
	{ "4, 0, tables of 8", { .key_size = 4 }, 8 },
	{ "4, 4, tables of 64", { .key_size = 4, .val_size = 4 }, 64 },
	{ "4, 8, tables of 16", { .key_size = 4, .val_size = 8 }, 16 },
	{ "8, 0, tables of 64", { .key_size = 8 }, 64 },
	{ "8, 4, tables of 16", { .key_size = 8, .val_size = 4 }, 16 },
	{ "8, 8, tables of 8", { .key_size = 8, .val_size = 8 }, 8 },
	{ "8, 8, tables of 64", { .key_size = 8, .val_size = 8 }, 64 },
	{ "8, 8, tables of 1024", { .key_size = 8, .val_size = 8 }, GMT_REAL },
	{ "8, 64, tables of 32", { .key_size = 8, .val_size = 64 }, 32 },
	{ "8, 128, tables of 64", { .key_size = 8, .val_size = 128 }, 64 },
	{ "8, 200, tables of 16", { .key_size = 8, .val_size = 200 }, 16 },
	{ "8, 4096, tables of 64", { .key_size = 8, .val_size = 4096 }, 64 },
	{ "16, 8, tables of 32", { .key_size = 16, .val_size = 8 }, 32 },
	{ "16, 200, tables of 64", { .key_size = 16, .val_size = 200 }, 64 },
	{ "128, 64, tables of 16", { .key_size = 128, .val_size = 64 }, 16 },
	{ "bytes 32, 8, tables of 32", { .key_size = 32, .val_size = 8,
	  .flags = GOMAP_BYTES }, 32 },
	{ "bytes 128, 128, tables of 16", { .key_size = 128, .val_size = 128,
	  .flags = GOMAP_BYTES | GOMAP_UPDATE_KEY }, 16 },
	{ "SipHash 8, 8, tables of 16", { .key_size = 8, .val_size = 8,
	  .flags = GOMAP_SIPHASH }, 16 },
	{ "weak hash, tables of 128", { .key_size = 8, .val_size = 8,
	  .hash = gmt_hash_weak, .equal = gmt_equal }, 128 },
	{ "limited to 500", { .key_size = 8, .val_size = 8,
	  .max_entries = 500 }, 32 },
};

static void kind_desc(const struct kind *kind, char *desc)
{
	strscpy(desc, kind->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/**
 * struct run - a script under way
 * @p: what the map holds
 * @m: the map
 * @rnd: where the script comes from
 * @entries: number of ids that are there
 * @rising: entries become more
 * @version: version of the latest value
 * @there: which ids are there
 * @versions: with which version
 * @id: id of the operation
 * @k: its key
 * @want: value that is expected
 * @val: value that came
 * @keys: keys of a batch
 * @bytes: the same, with GOMAP_BYTES
 * @seen: which ids a walk has met
 */
struct run {
	const struct gomap_params *p;
	struct gomap *m;
	struct rnd_state rnd;
	u32 entries;
	bool rising;
	u32 version;
	DECLARE_BITMAP(there, IDS);
	u32 versions[IDS];
	u32 id;
	struct gmt_key k;
	u8 *want;
	u8 *val;
	struct gmt_key keys[BATCH];
	struct gomap_bytes bytes[BATCH];
	DECLARE_BITMAP(seen, IDS);
};

static bool is_there(const struct run *run)
{
	return test_bit(run->id, run->there);
}

/* The value that the id of the operation has; all zero if it is not there. */
static const void *current_val(struct run *run)
{
	memset(run->want, 0, run->p->val_size);
	if (is_there(run))
		gmt_val_of(run->p->val_size, run->want, run->id,
			   run->versions[run->id]);
	return run->want;
}

static bool full(const struct run *run)
{
	return run->p->max_entries && run->entries == run->p->max_entries;
}

static int model_put(struct run *run, enum gomap_put_how how)
{
	if (is_there(run) && how == GOMAP_NEW)
		return -EEXIST;
	if (!is_there(run) && how == GOMAP_EXISTING)
		return -ENOENT;
	if (!is_there(run) && full(run))
		return -E2BIG;
	run->entries += !is_there(run);
	__set_bit(run->id, run->there);
	run->versions[run->id] = run->version;
	return 0;
}

static int model_delete(struct run *run)
{
	if (!is_there(run))
		return -ENOENT;
	__clear_bit(run->id, run->there);
	run->entries--;
	return 0;
}

/*
 * Operations. Each is done by the map and by the reference, and returns what
 * differs, or NULL.
 */

static const char *do_put(struct run *run)
{
	enum gomap_put_how how = gmt_below(&run->rnd, 3);
	gfp_t gfp = gmt_below(&run->rnd, 2) ? GFP_KERNEL : GFP_ATOMIC;

	run->version++;
	gmt_val_of(run->p->val_size, run->val, run->id, run->version);
	if (gomap_put(run->m, run->k.arg, run->val, how, gfp) !=
	    model_put(run, how))
		return "put";
	return NULL;
}

static const char *do_get(struct run *run)
{
	memset(run->val, GCT_POISON, run->p->val_size);
	if (gomap_get(run->m, run->k.arg, run->val) != is_there(run))
		return "get";
	if (memcmp(run->val, current_val(run), run->p->val_size))
		return "value of get";
	if (gomap_contains(run->m, run->k.arg) != is_there(run))
		return "contains";
	return NULL;
}

static const char *do_delete(struct run *run)
{
	if (gomap_delete(run->m, run->k.arg) != model_delete(run))
		return "delete";
	return NULL;
}

static const char *do_take(struct run *run)
{
	const void *want = current_val(run);
	int err = gomap_take(run->m, run->k.arg, run->val);

	if (!err && memcmp(run->val, want, run->p->val_size))
		return "value of take";
	return err == model_delete(run) ? NULL : "take";
}

/* With the value that is there, or with another one. */
static const char *do_cas(struct run *run)
{
	u32 size = run->p->val_size, version = ++run->version;
	bool right = gmt_below(&run->rnd, 2) || !size;
	u8 *new = run->val, *old = kmalloc(size, GFP_KERNEL);
	const void *want = current_val(run);
	const char *wrong = NULL;
	int err, expect = 0;

	if (!old)
		return "memory";
	memcpy(old, want, size);
	if (!right)
		old[gmt_below(&run->rnd, size)] ^= 1;
	gmt_val_of(size, new, run->id, version);
	if (!is_there(run))
		expect = -ENOENT;
	else if (!right)
		expect = -EEXIST;
	err = gomap_cas(run->m, run->k.arg, old, new, GFP_KERNEL);
	if (err != expect)
		wrong = "cas";
	else if (err == -EEXIST && memcmp(old, want, size))
		wrong = "old value of cas";
	if (!err)
		run->versions[run->id] = version;
	kfree(old);
	return wrong;
}

/* From one version's value to another's. */
static const char *do_add(struct run *run)
{
	enum gomap_put_how how = gmt_below(&run->rnd, 3);
	u32 size = run->p->val_size;
	u64 sum, old = 0, new = 0;
	int err;

	if (size != sizeof(u32) && size != sizeof(u64))
		return do_put(run);
	memcpy(&old, current_val(run), size);
	run->version++;
	gmt_val_of(size, &new, run->id, run->version);
	err = gomap_add(run->m, run->k.arg, new - old, how, &sum, GFP_KERNEL);
	if (err != model_put(run, how))
		return "add";
	return err || sum == new ? NULL : "sum of add";
}

static const char *do_get_many(struct run *run)
{
	u32 i, size = run->p->val_size, first = run->id, hits = 0;
	bool bytes = run->p->flags & GOMAP_BYTES;
	u32 n = 1 + gmt_below(&run->rnd, BATCH);
	DECLARE_BITMAP(found, BATCH);
	const char *wrong = NULL;
	u8 *keys, *vals;

	vals = kmalloc_array(n, size + GOMAP_MAX_KEY_SIZE, GFP_KERNEL);
	if (!vals)
		return "memory";
	keys = vals + n * size;
	for (i = 0; i < n; i++) {
		u32 id = (first + i * 61) % IDS;

		gmt_key_of(run->p, &run->keys[i], id);
		run->bytes[i] = run->keys[i].bytes;
		memcpy(keys + i * run->p->key_size, run->keys[i].data,
		       run->p->key_size);
		hits += test_bit(id, run->there);
	}
	if (gomap_get_many(run->m, bytes ? (void *)run->bytes : keys, vals,
			   found, n) != hits)
		wrong = "get_many";
	for (i = 0; i < n && !wrong; i++) {
		run->id = (first + i * 61) % IDS;
		if (test_bit(i, found) != is_there(run) ||
		    memcmp(vals + i * size, current_val(run), size))
			wrong = "one of get_many";
	}
	kfree(vals);
	return wrong;
}

static const char *do_rare(struct run *run)
{
	switch (gmt_below(&run->rnd, 40)) {
	case 0:
		gomap_clear(run->m);
		bitmap_zero(run->there, IDS);
		run->entries = 0;
		return NULL;
	case 1 ... 6:
		if (run->p->val_size <= GOMAP_MAX_INLINE &&
		    gomap_reserve(run->m, gmt_below(&run->rnd, 300),
				  GFP_KERNEL))
			return "reserve";
		return NULL;
	case 7 ... 24:
		gmt_shrink_step(run->m);
		return NULL;
	default:
		return gomap_shrink(run->m, GFP_KERNEL) ? "shrink" : NULL;
	}
}

static const char *do_one(struct run *run)
{
	u32 dice = gmt_below(&run->rnd, 1000);

	run->id = gmt_below(&run->rnd, IDS);
	gmt_key_of(run->p, &run->k, run->id);
	if (dice < 5)
		return do_rare(run);
	if (dice < 20)
		return do_get_many(run);
	if (dice < 200)
		return do_get(run);
	if (dice < 260)
		return do_cas(run);
	if (dice < (run->rising ? 700 : 360))
		return do_put(run);
	if (dice < (run->rising ? 850 : 400))
		return do_add(run);
	return dice % 2 ? do_take(run) : do_delete(run);
}

/*
 * Comparison of everything.
 */

static const char *meet(struct run *run, const void *data, u32 len,
			const void *val)
{
	run->id = gmt_id_of(run->p, data, len);
	if (run->id >= IDS)
		return "key of a walk";
	if (!is_there(run))
		return "entry of a walk";
	if (__test_and_set_bit(run->id, run->seen))
		return "entry of a walk, twice";
	if (memcmp(val, current_val(run), run->p->val_size))
		return "value of a walk";
	return NULL;
}

static const char *visit_all(struct run *run)
{
	const char *wrong = NULL;
	struct gomap_iter *it = kmalloc(sizeof(*it), GFP_KERNEL);

	if (!it)
		return "memory";
	bitmap_zero(run->seen, IDS);
	gmt_key_init(run->p, &run->k);
	gomap_iter_init(it, run->m);
	while (!wrong && gomap_iter_next(it, run->k.arg, run->val))
		wrong = meet(run, run->k.data,
			     run->p->flags & GOMAP_BYTES ? run->k.bytes.len :
			     run->p->key_size, run->val);
	gomap_iter_end(it);
	kfree(it);
	if (!wrong && !bitmap_equal(run->seen, run->there, IDS))
		wrong = "end of a walk";
	return wrong;
}

static const char *compare(struct run *run)
{
	const char *wrong = gmt_wrong(run->m);

	if (!wrong && gomap_len(run->m) != run->entries)
		wrong = "length";
	return wrong ?: visit_all(run);
}

static struct run *run_new(struct kunit *test, const struct kind *kind,
			   u64 seed)
{
	struct run *run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, run);
	run->p = &kind->p;
	run->want = kunit_kzalloc(test, kind->p.val_size + 8, GFP_KERNEL);
	run->val = kunit_kzalloc(test, kind->p.val_size + 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, run->want);
	KUNIT_ASSERT_NOT_NULL(test, run->val);
	prandom_seed_state(&run->rnd, seed);
	run->m = gmt_map(test, run->p, kind->max_slots, 0);
	return run;
}

/*
 * The longest of all tests. What makes a kernel slow makes tables slower still,
 * since they are allocated all the time: the scale counts twice.
 */
static u32 model_ops(void)
{
	return max(gochan_scaled(gochan_scaled(OPS)), 2U * OPS_PER_CHECK);
}

static void random_operations(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	u32 i, ops = model_ops();
	u64 seed = gochan_seed();
	struct run *run = run_new(test, kind, seed);
	const char *wrong = NULL;

	kunit_info(test, "%s: %u operations, seed %llu\n", kind->name, ops,
		   seed);
	for (i = 1; i <= ops && !wrong; i++) {
		run->rising = i / OPS_PER_CHECK / SPELL % 2 == 0;
		wrong = do_one(run);
		if (!wrong && i % OPS_PER_CHECK == 0) {
			wrong = compare(run);
			cond_resched();
		}
	}
	KUNIT_EXPECT_TRUE_MSG(test, !wrong, "operation %u, id %u: %s", i - 1,
			      run->id, wrong ?: "");
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE_PARAM(random_operations, kind_gen_params),
	{}
};

struct kunit_suite gomap_model_suite = {
	.name = "gomap-model",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = model_cases,
};
