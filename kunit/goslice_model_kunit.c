// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - random scripts on slices, compared with a reference
 *
 * A few slices view arrays, share them, grow out of them and come back. The
 * reference has arrays of its own that never move: a growth takes another one.
 * After each operation every slice is compared with it up to its capacity, so
 * that a store which one sees and another should not is found, and so is a
 * tail that is not zero.
 *
 * The scripts of a run follow from its seed, which is printed; the module
 * parameter of that name, or GOCHAN_KUNIT_SEED at build time, replays it.
 */

#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"
#include "goslice_kunit.h"

#define OPS		20000

/* Slices of a script; there is one array more than they can view. */
#define SLICES		6
#define ARRAYS		(SLICES + 1)

/* Beyond this length slices are cut; the curve then stays below the room. */
#define MAX_LEN		700
#define MAX_CAP		6000

/* Longest element, and most of them that come from outside at once. */
#define MAX_SIZE	40
#define MAX_MANY	60

static const size_t sizes[] = { 0, 1, 4, 8, 12, MAX_SIZE };

static void size_desc(const size_t *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "elements of %zu", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/**
 * struct view - a slice of the reference
 * @array: which array, or -1 for nil
 * @off: where it begins
 * @len: its length
 * @cap: its capacity
 */
struct view {
	int array;
	size_t off;
	size_t len;
	size_t cap;
};

/**
 * struct script - a script under way
 * @rnd: where it comes from
 * @size: bytes of an element
 * @slices: the slices
 * @views: what they should be
 * @serial: number of the next byte that is new
 * @fresh: elements from outside
 * @scratch: source of an operation of the reference
 * @arrays: arrays of the reference
 */
struct script {
	struct rnd_state rnd;
	size_t size;
	struct goslice slices[SLICES];
	struct view views[SLICES];
	u8 serial;
	u8 fresh[MAX_MANY * MAX_SIZE];
	u8 scratch[MAX_CAP * MAX_SIZE];
	u8 arrays[ARRAYS][MAX_CAP * MAX_SIZE];
};

static u32 below(struct script *sc, u32 limit)
{
	return gmt_below(&sc->rnd, limit);
}

static u8 *view_at(struct script *sc, const struct view *v, size_t i)
{
	return &sc->arrays[v->array][(v->off + i) * sc->size];
}

/* An array that nobody views, all zero. */
static int model_array(struct script *sc)
{
	bool used[ARRAYS] = { };
	int i;

	for (i = 0; i < SLICES; i++)
		if (sc->views[i].array >= 0)
			used[sc->views[i].array] = true;
	for (i = 0; used[i]; i++)
		;
	memset(sc->arrays[i], 0, sizeof(sc->arrays[i]));
	return i;
}

static size_t model_cap(const struct script *sc, size_t new_len, size_t old_cap)
{
	size_t bytes = goslice_nextcap(new_len, old_cap) * sc->size;

	if (!sc->size)
		return new_len;
	bytes = bytes <= KMALLOC_MAX_CACHE_SIZE ? kmalloc_size_roundup(bytes) :
						  PAGE_ALIGN(bytes);
	return bytes / sc->size;
}

static void model_enlarge(struct script *sc, struct view *v, size_t new_len,
			  size_t keep)
{
	struct view next = {
		.array = model_array(sc),
		.len = v->len,
		.cap = model_cap(sc, new_len, v->cap),
	};

	if (keep)
		memcpy(view_at(sc, &next, 0), view_at(sc, v, 0),
		       keep * sc->size);
	*v = next;
}

static void model_replace(struct script *sc, struct view *v, size_t i, size_t j,
			  const void *src, size_t n)
{
	size_t len = v->len - (j - i) + n;

	if (!n && i == j)
		return;
	memcpy(sc->scratch, src, n * sc->size);
	if (len > v->cap)
		model_enlarge(sc, v, len, v->len);
	memmove(view_at(sc, v, i + n), view_at(sc, v, j),
		(v->len - j) * sc->size);
	memcpy(view_at(sc, v, i), sc->scratch, n * sc->size);
	if (len < v->len)
		memset(view_at(sc, v, len), 0, (v->len - len) * sc->size);
	v->len = len;
}

static void model_insert(struct script *sc, struct view *v, size_t at,
			 const void *src, size_t n)
{
	model_replace(sc, v, at, at, src, n);
}

static void model_delete(struct script *sc, struct view *v, size_t i, size_t j)
{
	if (i == j)
		return;
	memmove(view_at(sc, v, i), view_at(sc, v, j),
		(v->len - j) * sc->size);
	v->len -= j - i;
	memset(view_at(sc, v, v->len), 0, (j - i) * sc->size);
}

static void model_slice(struct view *dst, const struct view *src, size_t lo,
			size_t hi, size_t max)
{
	*dst = (struct view){
		.array = src->array,
		.off = src->off + (max > lo ? lo : 0),
		.len = hi - lo,
		.cap = max - lo,
	};
}

/* New elements, in both worlds. */
static size_t fresh(struct script *sc)
{
	size_t i, n = below(sc, below(sc, 4) ? 4 : MAX_MANY);

	for (i = 0; i < n * sc->size; i++)
		sc->fresh[i] = sc->serial++ * 37 + 1;
	return n;
}

/* Operations: on slice @a, some with slice @b. Each returns what was wrong. */

static int op_append(struct script *sc, int a, int b)
{
	size_t n = fresh(sc);
	int err = goslice_raw_append(&sc->slices[a], sc->fresh, n, sc->size,
				     GFP_KERNEL);

	model_insert(sc, &sc->views[a], sc->views[a].len, sc->fresh, n);
	return err;
}

static int op_append_slice(struct script *sc, int a, int b)
{
	const struct goslice *src = &sc->slices[b];
	struct view *v = &sc->views[b];
	int err = goslice_raw_append(&sc->slices[a], src->array, src->len,
				     sc->size, GFP_KERNEL);

	if (v->len)
		model_insert(sc, &sc->views[a], sc->views[a].len,
			     view_at(sc, v, 0), v->len);
	return err;
}

static int op_insert(struct script *sc, int a, int b)
{
	size_t n = fresh(sc), at = below(sc, sc->slices[a].len + 1);
	int err = goslice_raw_insert(&sc->slices[a], at, sc->fresh, n,
				     sc->size, GFP_KERNEL);

	model_insert(sc, &sc->views[a], at, sc->fresh, n);
	return err;
}

/* Choose a part of a slice, spare capacity included. Return its length. */
static size_t part_of(struct script *sc, int b, size_t *from)
{
	size_t cap = sc->slices[b].cap;

	*from = below(sc, cap + 1);
	return below(sc, min_t(size_t, MAX_MANY, cap - *from) + 1);
}

/* By a part of a slice, which may overlap the other. */
static int op_insert_part(struct script *sc, int a, int b)
{
	size_t at = below(sc, sc->slices[a].len + 1);
	size_t from, n = part_of(sc, b, &from);
	int err;

	if (!n)
		return 0;
	err = goslice_raw_insert(&sc->slices[a], at,
				 sc->slices[b].array + from * sc->size, n,
				 sc->size, GFP_KERNEL);
	model_insert(sc, &sc->views[a], at, view_at(sc, &sc->views[b], from),
		     n);
	return err;
}

static int op_replace(struct script *sc, int a, int b)
{
	size_t j = below(sc, sc->slices[a].len + 1), i = below(sc, j + 1);
	size_t n = fresh(sc);
	int err = goslice_raw_replace(&sc->slices[a], i, j, sc->fresh, n,
				      sc->size, GFP_KERNEL);

	model_replace(sc, &sc->views[a], i, j, sc->fresh, n);
	return err;
}

/* As above. */
static int op_replace_part(struct script *sc, int a, int b)
{
	size_t j = below(sc, sc->slices[a].len + 1), i = below(sc, j + 1);
	size_t from, n = part_of(sc, b, &from);
	int err;

	if (!n)
		return 0;
	err = goslice_raw_replace(&sc->slices[a], i, j,
				  sc->slices[b].array + from * sc->size, n,
				  sc->size, GFP_KERNEL);
	model_replace(sc, &sc->views[a], i, j, view_at(sc, &sc->views[b], from),
		      n);
	return err;
}

static int op_delete(struct script *sc, int a, int b)
{
	size_t j = below(sc, sc->slices[a].len + 1), i = below(sc, j + 1);
	int err = goslice_raw_delete(&sc->slices[a], i, j, sc->size);

	if (sc->views[a].array >= 0)
		model_delete(sc, &sc->views[a], i, j);
	return err;
}

/* The output takes the place of a slice, whose view ends. */
static void supersede(struct script *sc, int a, const struct goslice *next)
{
	goslice_raw_put(&sc->slices[a]);
	sc->slices[a] = *next;
}

static int op_slice(struct script *sc, int a, int b)
{
	struct goslice next, *src = &sc->slices[b];
	size_t max = below(sc, 2) ? src->cap : below(sc, src->cap + 1);
	size_t hi = below(sc, max + 1), lo = below(sc, hi + 1);
	int err;

	if (a == b) {
		err = goslice_raw_slice3(src, src, lo, hi, max, sc->size);
	} else {
		err = goslice_raw_slice3(&next, src, lo, hi, max, sc->size);
		if (!err)
			supersede(sc, a, &next);
	}
	model_slice(&sc->views[a], &sc->views[b], lo, hi, max);
	return err;
}

static int op_share(struct script *sc, int a, int b)
{
	struct goslice next;

	goslice_raw_share(&next, &sc->slices[b]);
	supersede(sc, a, &next);
	sc->views[a] = sc->views[b];
	return 0;
}

static int op_put(struct script *sc, int a, int b)
{
	goslice_raw_put(&sc->slices[a]);
	sc->views[a] = (struct view){ .array = -1 };
	return 0;
}

static int op_make(struct script *sc, int a, int b)
{
	size_t cap = below(sc, 100), len = below(sc, cap + 1);
	struct goslice next;
	int err = goslice_raw_make(&next, len, cap, sc->size, GFP_KERNEL);

	if (err)
		return err;
	supersede(sc, a, &next);
	sc->views[a].array = -1;
	sc->views[a] = (struct view){
		.array = model_array(sc), .len = len, .cap = cap,
	};
	return 0;
}

static int op_clone(struct script *sc, int a, int b)
{
	struct view next = { .array = sc->views[b].array }, *v = &sc->views[b];
	struct goslice clone;
	int err = goslice_raw_clone(&clone, &sc->slices[b], sc->size,
				    GFP_KERNEL);

	if (err)
		return err;
	supersede(sc, a, &clone);
	if (v->len)
		model_insert(sc, &next, 0, view_at(sc, v, 0), v->len);
	sc->views[a] = next;
	return 0;
}

static int op_copy(struct script *sc, int a, int b)
{
	size_t n = min(sc->views[a].len, sc->views[b].len);

	if (goslice_raw_copy(&sc->slices[a], &sc->slices[b], sc->size) != n)
		return -EIO;
	if (n)
		memmove(view_at(sc, &sc->views[a], 0),
			view_at(sc, &sc->views[b], 0), n * sc->size);
	return 0;
}

static int op_clear(struct script *sc, int a, int b)
{
	goslice_raw_clear(&sc->slices[a], sc->size);
	if (sc->views[a].len)
		memset(view_at(sc, &sc->views[a], 0), 0,
		       sc->views[a].len * sc->size);
	return 0;
}

static int op_grow(struct script *sc, int a, int b)
{
	size_t n = below(sc, 200);
	struct view *v = &sc->views[a];
	int err = goslice_raw_grow(&sc->slices[a], n, sc->size, GFP_KERNEL);

	if (n > v->cap - v->len)
		model_enlarge(sc, v, v->len + n, v->cap);
	return err;
}

static int op_clip(struct script *sc, int a, int b)
{
	sc->slices[a].cap = sc->slices[a].len;
	sc->views[a].cap = sc->views[a].len;
	return 0;
}

/* Bounds that cannot be; nothing changes. */
static int op_wrong(struct script *sc, int a, int b)
{
	struct goslice *s = &sc->slices[a];
	size_t too_much = 1 + below(sc, 3);

	if (goslice_raw_slice3(s, s, 0, 0, s->cap + too_much, sc->size) !=
	    -ERANGE ||
	    goslice_raw_slice3(s, s, too_much, 0, s->cap, sc->size) != -ERANGE)
		return -EIO;
	if (goslice_raw_delete(s, 0, s->len + too_much, sc->size) != -ERANGE ||
	    goslice_raw_insert(s, s->len + too_much, sc->fresh, 1, sc->size,
			       GFP_KERNEL) != -ERANGE ||
	    goslice_raw_replace(s, 0, s->len + too_much, sc->fresh, 1, sc->size,
				GFP_KERNEL) != -ERANGE)
		return -EIO;
	return goslice_raw_append(s, sc->fresh, SIZE_MAX - too_much, sc->size,
				  GFP_KERNEL) == -EOVERFLOW ? 0 : -EIO;
}

static int (*const ops[])(struct script *sc, int a, int b) = {
	op_append, op_append, op_append, op_append, op_append_slice, op_insert,
	op_insert_part, op_insert_part, op_replace, op_replace_part,
	op_replace_part, op_delete, op_slice, op_slice, op_share,
	op_put, op_make, op_clone, op_copy, op_clear, op_grow, op_clip,
	op_wrong,
};

static bool as_the_model(struct script *sc, int i)
{
	const struct goslice *s = &sc->slices[i];
	const struct view *v = &sc->views[i];
	bool nil = v->array < 0;

	if (s->len != v->len || s->cap != v->cap || !s->array != nil)
		return false;
	return !s->cap || !memcmp(s->array, view_at(sc, v, 0),
				  s->cap * sc->size);
}

/* One operation; slices that have become long are cut first. */
static int step(struct script *sc, unsigned int *op)
{
	int i, err, a = below(sc, SLICES), b = below(sc, SLICES);

	if (sc->views[a].len > MAX_LEN)
		op_put(sc, a, a);
	if (sc->views[b].len > MAX_LEN)
		op_put(sc, b, b);
	*op = below(sc, ARRAY_SIZE(ops));
	err = ops[*op](sc, a, b);
	for (i = 0; !err && i < SLICES; i++)
		if (!as_the_model(sc, i))
			err = -EILSEQ;
	return err;
}

static void random_script(struct kunit *test)
{
	struct script *sc = kvzalloc(sizeof(*sc), GFP_KERNEL);
	unsigned int i, op, n = gochan_scaled(OPS);
	u64 seed = gochan_seed();
	int err = 0;

	KUNIT_ASSERT_NOT_NULL(test, sc);
	kunit_info(test, "seed %llu\n", seed);
	prandom_seed_state(&sc->rnd, seed);
	sc->size = *(const size_t *)test->param_value;
	for (i = 0; i < SLICES; i++)
		sc->views[i].array = -1;
	for (i = 0; i < n && !err; i++) {
		err = step(sc, &op);
		cond_resched();
	}
	if (err)
		KUNIT_FAIL(test, "error %d at step %u, operation %u", err, i,
			   op);
	for (i = 0; i < SLICES; i++)
		goslice_raw_put(&sc->slices[i]);
	kvfree(sc);
}

static struct kunit_case goslice_model_cases[] = {
	KUNIT_CASE_PARAM(random_script, size_gen_params),
	{ }
};

struct kunit_suite goslice_model_suite = {
	.name = "goslice_model",
	.test_cases = goslice_model_cases,
};
