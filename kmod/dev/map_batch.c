// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a map that deal with many entries, which user space has in
 * packed arrays. They work in rounds: a part of the arrays is copied in, the
 * map is asked, results are copied out. How many entries have been dealt with
 * is exact after errors, too, also in the middle of a round.
 *
 * A signal ends a batch between two rounds, and PUT_MANY between two entries: of
 * a user at the limit, each may have to wait for a grace period. Task work
 * (TIF_NOTIFY_SIGNAL) does not: it runs when the call returns. So the test is
 * task_sigpending(), not signal_pending().
 */

#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "map_file.h"

/* Entries and bytes of a round: what the caches hold without noticing. */
#define GOCHAN_ROUND		256
#define GOCHAN_ROUND_BYTES	16384

/*
 * The same for a round of an iteration: it looks at all slots of a table, and
 * should take all that the table has.
 */
#define GOCHAN_ITER_ROUND	1024
#define GOCHAN_ITER_BYTES	65536

/*
 * Bytes of the values of such a round if they are kept outside the table: they
 * are not buffered together, but copied in portions. This bounds how much is
 * copied again if a round is not completed.
 */
#define GOCHAN_ITER_VALUES	SZ_4M

/**
 * struct gochan_batch - a batch on its way
 * @mf: the map's file
 * @u: addresses and sizes, as user space gave them
 * @first: number of the round's first entry
 * @n: entries of this round
 * @max: most entries of a round
 * @portion: most entries whose values there is room for at a time
 * @stop: error that comes right behind these entries, or 0
 * @room: the memory that all of these are in
 * @found: whether the keys were in the map; up to 7 bytes more than the round has
 * @bytes: with variable length, the portion's keys as the map wants them
 * @lens: with variable length, the lengths of the round's keys
 * @values: values of the portion
 * @keys: keys of the round
 */
struct gochan_batch {
	struct gochan_map_file *mf;
	struct gochan_map_batch u;
	u32 first;
	u32 n;
	u32 max;
	u32 portion;
	int stop;
	void *room;
	u8 *found;
	struct gomap_bytes *bytes;
	u32 *lens;
	void *values;
	void *keys;
};

static int gochan_batch_check(const struct gochan_map_file *mf,
			      const struct gochan_map_batch *u)
{
	if (u->key_size != mf->key_size || mf->varlen != !!u->key_lens)
		return -EINVAL;
	if (!u->values && !u->value_size)
		return 0;
	return u->value_size == mf->value_size ? 0 : -EINVAL;
}

/* How many entries of @entry bytes fit, one at least, and @max at most. */
static u32 gochan_batch_fit(size_t bytes, size_t entry, u32 max)
{
	/* A byte of each is for @found, with what ALIGN() may add. */
	return clamp_t(size_t, (bytes - sizeof(u64)) / (entry + 1), 1, max);
}

/* Bytes of an entry's key in a round. */
static size_t gochan_batch_key_room(const struct gochan_map_file *mf)
{
	return mf->key_size +
	       (mf->varlen ? sizeof(struct gomap_bytes) + sizeof(u32) : 0);
}

/*
 * Allocate room for a round of @max entries, with values of @value bytes of
 * @portion, in one piece, the best aligned first. Many kernels clear what they
 * allocate: nothing is in it that only a map of variable length needs.
 */
static int gochan_batch_init(struct gochan_batch *b, struct gochan_map_file *mf,
			     const struct gochan_map_batch *u, size_t value,
			     u32 max, u32 portion)
{
	size_t found;
	void *room;

	*b = (struct gochan_batch) { .mf = mf, .u = *u };
	b->max = min(max, u->count);
	b->portion = min(portion, b->max);
	found = ALIGN(b->max, sizeof(u64));
	room = kvmalloc(found + b->max * gochan_batch_key_room(mf) +
			b->portion * value, GOCHAN_GFP_USER);
	if (!room)
		return -ENOMEM;
	b->room = room;
	b->found = room;
	room += found;
	if (mf->varlen) {
		b->bytes = room;
		b->lens = (void *)(b->bytes + b->max);
		room = b->lens + b->max;
	}
	b->values = room;
	b->keys = b->values + b->portion * value;
	return 0;
}

static void gochan_batch_free(struct gochan_batch *b)
{
	kvfree(b->room);
}

/* The key of entry @i of the round, as the map wants it. */
static const void *gochan_batch_key(const struct gochan_batch *b, u32 i)
{
	if (b->mf->varlen)
		return &b->bytes[i];
	return b->keys + (size_t)i * b->mf->key_size;
}

static void *gochan_batch_value(const struct gochan_batch *b, u32 i)
{
	return b->values + (size_t)i * b->mf->value_size;
}

/*
 * Copy the round's part of an array. If only a part of that can be copied, the
 * round ends with what is there, and with an error behind it.
 */

static u64 gochan_batch_addr(const struct gochan_batch *b, u64 array,
			     size_t size)
{
	return array + (u64)b->first * size;
}

static void gochan_batch_in(struct gochan_batch *b, void *to, u64 array,
			    size_t size)
{
	size_t left = gochan_copy_in(to, gochan_batch_addr(b, array, size),
				     b->n * size);

	if (left) {
		b->n -= DIV_ROUND_UP(left, size);
		b->stop = -EFAULT;
	}
}

static void gochan_batch_out(struct gochan_batch *b, u64 array,
			     const void *from, size_t size)
{
	size_t left = gochan_copy_out(gochan_batch_addr(b, array, size), from,
				      b->n * size);

	if (left) {
		b->n -= DIV_ROUND_UP(left, size);
		b->stop = -EFAULT;
	}
}

static void gochan_batch_varlen_in(struct gochan_batch *b)
{
	u32 i, key_size = b->mf->key_size;

	gochan_batch_in(b, b->lens, b->u.key_lens, sizeof(u32));
	for (i = 0; i < b->n; i++) {
		if (b->lens[i] > key_size) {
			b->n = i;
			b->stop = -EINVAL;
			return;
		}
		b->bytes[i] = (struct gomap_bytes) {
			.data = b->keys + (size_t)i * key_size,
			.len = b->lens[i],
		};
	}
}

/* Fetch the keys of the next round. */
static void gochan_batch_next(struct gochan_batch *b)
{
	b->stop = 0;
	b->n = min(b->max, b->u.count - b->first);
	gochan_batch_in(b, b->keys, b->u.keys, b->mf->key_size);
	if (b->mf->varlen)
		gochan_batch_varlen_in(b);
}

/* Run @fn on all entries. It returns an error that comes after @done of them */
static long gochan_batch_run(struct file *file, struct gochan_map_batch *u,
			     enum gomap_put_how how,
			     int (*fn)(struct gochan_batch *b,
				       enum gomap_put_how how, u32 *done))
{
	struct gochan_map_file *mf = file->private_data;
	struct gochan_batch b;
	int err = gochan_batch_check(mf, u);
	u32 max;

	u->done = 0;
	if (err || !u->count)
		return err;
	max = gochan_batch_fit(GOCHAN_ROUND_BYTES,
			       gochan_batch_key_room(mf) + mf->value_size,
			       GOCHAN_ROUND);
	err = gochan_batch_init(&b, mf, u, mf->value_size, max, max);
	if (err)
		return err;
	do {
		u32 done = 0;

		if (b.first && task_sigpending(current)) {
			err = -EINTR;
			break;
		}
		gochan_batch_next(&b);
		err = fn(&b, how, &done) ?: b.stop;
		b.first += done;
		cond_resched();
	} while (!err && b.first < u->count);
	u->done = b.first;
	gochan_batch_free(&b);
	return err;
}

/*
 * The commands.
 */

/*
 * The bits of a bitmap as bytes, eight at a time: each byte of the product has the
 * same eight bits, of which it keeps one, and what is not 0 then gets to be 1.
 */
static void gochan_spread_bits(__le64 *bytes, const unsigned long *bits, u32 n)
{
	const u64 ones = 0x0101010101010101ULL;
	u32 i;

	for (i = 0; i < n; i += 8) {
		u64 byte = bits[BIT_WORD(i)] >> i % BITS_PER_LONG & 0xff;
		u64 eight = byte * ones & 0x8040201008040201ULL;

		*bytes++ = cpu_to_le64((eight + 0x7f * ones) >> 7 & ones);
	}
}

static int gochan_get_round(struct gochan_batch *b, enum gomap_put_how how,
			    u32 *done)
{
	DECLARE_BITMAP(found, GOCHAN_ROUND);
	u32 i;

	gomap_get_many(&b->mf->map, gochan_batch_key(b, 0), b->values, found,
		       b->n);
	i = find_first_zero_bit(found, b->n);
	if (!b->u.found && i < b->n) {
		b->n = i;
		b->stop = -ENOENT;
	}
	if (b->u.value_size)
		gochan_batch_out(b, b->u.values, b->values, b->mf->value_size);
	if (b->u.found) {
		gochan_spread_bits((__le64 *)b->found, found, b->n);
		gochan_batch_out(b, b->u.found, b->found, 1);
	}
	*done = b->n;
	return 0;
}

/* GOCHAN_IOC_MAP_GET_MANY */
long gochan_map_get_many(struct file *file, union gochan_arg *arg)
{
	struct gochan_map_batch *u = &arg->map_batch;

	u->done = 0;
	if (u->flags)
		return -EINVAL;
	return gochan_batch_run(file, u, GOMAP_ANY, gochan_get_round);
}

static int gochan_put_round(struct gochan_batch *b, enum gomap_put_how how,
			    u32 *done)
{
	int err = 0;

	if (b->mf->value_size)
		gochan_batch_in(b, b->values, b->u.values, b->mf->value_size);
	while (*done < b->n) {
		if (*done && task_sigpending(current))
			return -EINTR;
		err = gochan_map_store(b->mf, gochan_batch_key(b, *done),
				       gochan_batch_value(b, *done), how);
		if (err)
			break;
		++*done;
	}
	return err;
}

/* GOCHAN_IOC_MAP_PUT_MANY */
long gochan_map_put_many(struct file *file, union gochan_arg *arg)
{
	struct gochan_map_batch *u = &arg->map_batch;
	struct gochan_map_file *mf = file->private_data;
	enum gomap_put_how how;
	int err = gochan_put_how(u->flags, &how);

	u->done = 0;
	if (err)
		return err;
	/* A value is part of what is put. */
	if (u->found || u->value_size != mf->value_size)
		return -EINVAL;
	return gochan_batch_run(file, u, how, gochan_put_round);
}

static int gochan_delete_round(struct gochan_batch *b, enum gomap_put_how how,
			       u32 *done)
{
	u32 deleted = 0;
	int err = 0;

	if (b->u.found &&
	    gochan_probe_out(gochan_batch_addr(b, b->u.found, 1), b->n))
		return -EFAULT;
	for (; *done < b->n; ++*done) {
		err = gomap_delete(&b->mf->map, gochan_batch_key(b, *done));
		if (err && !b->u.found)
			break;
		b->found[*done] = !err;
		deleted += !err;
		err = 0;
	}
	if (b->u.found)
		gochan_batch_out(b, b->u.found, b->found, 1);
	gochan_map_deleted(b->mf, deleted);
	return err;
}

/* GOCHAN_IOC_MAP_DELETE_MANY */
long gochan_map_delete_many(struct file *file, union gochan_arg *arg)
{
	struct gochan_map_batch *u = &arg->map_batch;

	u->done = 0;
	if (u->flags || u->values || u->value_size)
		return -EINVAL;
	return gochan_batch_run(file, u, GOMAP_ANY, gochan_delete_round);
}

/*
 * Iteration.
 */

/* Are values fetched after the keys, a portion at a time? */
static bool gochan_iter_has_portions(const struct gochan_batch *b)
{
	return b->portion < b->max;
}

/* Copy out entries @at to @at + b->n of the round; their values come first. */
static void gochan_iter_out(struct gochan_batch *b, u32 at)
{
	gochan_batch_out(b, b->u.keys,
			 b->keys + (size_t)at * b->mf->key_size,
			 b->mf->key_size);
	if (b->mf->varlen)
		gochan_batch_out(b, b->u.key_lens, b->lens + at, sizeof(u32));
	if (b->u.value_size)
		gochan_batch_out(b, b->u.values, b->values, b->mf->value_size);
}

/* Let entry @to of a portion that begins at @at be what entry @from was. */
static void gochan_iter_keep(struct gochan_batch *b, u32 at, u32 to, u32 from)
{
	const struct gochan_map_file *mf = b->mf;
	void *keys = b->keys + (size_t)at * mf->key_size;

	if (to == from)
		return;
	memcpy(keys + (size_t)to * mf->key_size,
	       keys + (size_t)from * mf->key_size, mf->key_size);
	if (mf->varlen)
		b->lens[at + to] = b->lens[at + from];
	memcpy(gochan_batch_value(b, to), gochan_batch_value(b, from),
	       mf->value_size);
}

/*
 * Get the values of @n keys of the round, and copy out what there is. A key that
 * has been deleted since the scan is not produced.
 */
static void gochan_iter_portion(struct gochan_batch *b, u32 at, u32 n)
{
	const struct gochan_map_file *mf = b->mf;
	void *keys = b->keys + (size_t)at * mf->key_size;
	DECLARE_BITMAP(found, GOCHAN_ITER_ROUND);
	u32 i;

	for (i = 0; mf->varlen && i < n; i++)
		b->bytes[i] = (struct gomap_bytes) {
			.data = keys + (size_t)i * mf->key_size,
			.len = b->lens[at + i],
		};
	gomap_get_many(&mf->map, mf->varlen ? (void *)b->bytes : keys,
		       b->values, found, n);
	b->n = 0;
	for_each_set_bit(i, found, n)
		gochan_iter_keep(b, at, b->n++, i);
	gochan_iter_out(b, at);
}

/* All portions of a round of @n entries. Return 0 or an error. */
static int gochan_iter_portions(struct gochan_batch *b, u32 n)
{
	u32 at, part;

	for (at = 0; at < n; at += part) {
		part = min(n - at, b->portion);
		gochan_iter_portion(b, at, part);
		if (b->stop)
			return b->stop;
		if (fatal_signal_pending(current))
			return -EINTR;
		b->first += b->n;
		cond_resched();
	}
	return 0;
}

/*
 * Do a round. Return how many entries it came to, of which some may have gone
 * before their values were fetched, or an error. A round that is not complete is
 * not done: the cursor has no half.
 */
static int gochan_iter_round(struct gochan_batch *b, struct gomap_cursor *c)
{
	bool portions = gochan_iter_has_portions(b);
	struct gomap_cursor next = *c;
	u32 first = b->first;
	int n, err;

	n = gomap_scan(&b->mf->map, &next, b->keys, b->lens,
		       portions || !b->u.value_size ? NULL : b->values,
		       min(b->max, b->u.count - b->first));
	if (n < 0)
		return n;
	if (portions) {
		err = gochan_iter_portions(b, n);
	} else {
		b->n = n;
		gochan_iter_out(b, 0);
		b->first += n;
		err = b->stop;
	}
	if (err) {
		b->first = first;
		return err;
	}
	*c = next;
	return n;
}

static int gochan_iter_run(struct gochan_batch *b, struct gomap_cursor *c)
{
	int n;

	do {
		/* Fewer entries than asked for are not the end; 0 are. */
		if (b->first && task_sigpending(current))
			return 0;
		n = gochan_iter_round(b, c);
		cond_resched();
		/* As gomap_scan() has it: not for little. */
	} while (n > 0 && b->first < b->u.count - b->u.count / 2);
	return n < 0 ? n : 0;
}

/*
 * Entries of a round, and of a portion. With values outside the table a round
 * still is about a table: what is scanned for it would be scanned again for the
 * next one. Without values there is one portion.
 */
static void gochan_iter_sizes(const struct gochan_map_file *mf,
			      const struct gochan_map_batch *u, u32 *max,
			      u32 *portion)
{
	size_t key = gochan_batch_key_room(mf), value = u->value_size;

	*portion = gochan_batch_fit(GOCHAN_ITER_BYTES, key + value,
				    GOCHAN_ITER_ROUND);
	*max = *portion;
	if (value > GOMAP_MAX_INLINE)
		*max = min_t(u32, GOCHAN_ITER_VALUES / value,
			     gochan_batch_fit(GOCHAN_ITER_BYTES, key,
					      GOCHAN_ITER_ROUND));
	*max = max(*max, *portion);
}

/* GOCHAN_IOC_MAP_ITER */
long gochan_map_iterate(struct file *file, union gochan_arg *arg)
{
	struct gochan_map_file *mf = file->private_data;
	struct gochan_map_iter *it = &arg->map_iter;
	const struct gochan_map_batch u = {
		.keys = it->keys,
		.key_lens = it->key_lens,
		.values = it->values,
		.key_size = it->key_size,
		.value_size = it->value_size,
		.count = it->count,
	};
	struct gomap_cursor c = { .origin = it->cursor[0], .done = it->cursor[1] };
	struct gochan_batch b;
	int err = gochan_batch_check(mf, &u);
	u32 max, portion;

	it->done = 0;
	if (err || it->flags || !it->count)
		return -EINVAL;
	gochan_iter_sizes(mf, &u, &max, &portion);
	err = gochan_batch_init(&b, mf, &u, u.value_size, max, portion);
	if (err)
		return err;
	if (!c.origin && !c.done)
		gomap_cursor_init(&c);
	err = gochan_iter_run(&b, &c);
	it->done = b.first;
	it->cursor[0] = c.origin;
	it->cursor[1] = c.done;
	gochan_batch_free(&b);
	return err;
}
