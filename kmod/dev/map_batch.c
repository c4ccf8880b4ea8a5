// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a map that deal with many entries, which user space has in
 * packed arrays. They work in rounds: a part of the arrays is copied in, the
 * map is asked, results are copied out. How many entries have been dealt with
 * is exact after errors, too, also in the middle of a round.
 *
 * A signal ends a batch between two rounds. Task work (TIF_NOTIFY_SIGNAL) does
 * not: it runs when the call returns, and a batch never sleeps for long. So the
 * test is task_sigpending(), not signal_pending().
 */

#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "map_file.h"

/*
 * Entries and bytes of a round: what the caches hold without noticing. One of
 * an iteration looks at all slots of a table, and should take all it has.
 */
#define GOCHAN_ROUND		256
#define GOCHAN_ROUND_BYTES	16384
#define GOCHAN_ITER_ROUND	1024
#define GOCHAN_ITER_BYTES	65536

/**
 * struct gochan_batch - a batch on its way
 * @mf: the map's file
 * @u: addresses and sizes, as user space gave them
 * @first: number of the round's first entry
 * @n: entries of this round
 * @max: most entries of a round
 * @stop: error that comes right behind these entries, or 0
 * @room: the memory that all of these are in
 * @found: whether the keys were in the map; up to 7 bytes more than the round has
 * @bytes: with variable length, the round's keys as the map wants them
 * @lens: with variable length, their lengths
 * @values: values of the round
 * @keys: keys of the round
 */
struct gochan_batch {
	struct gochan_map_file *mf;
	struct gochan_map_batch u;
	u32 first;
	u32 n;
	u32 max;
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

/*
 * Allocate room for a round of @bytes and @max entries at most, in one piece, the
 * best aligned first. Many kernels clear what they allocate: nothing is in it that
 * only a map of variable length needs.
 */
static int gochan_batch_init(struct gochan_batch *b, struct gochan_map_file *mf,
			     const struct gochan_map_batch *u, size_t bytes,
			     size_t max)
{
	size_t varlen = mf->varlen ? sizeof(*b->bytes) + sizeof(u32) : 0;
	size_t entry = varlen + mf->value_size + mf->key_size;
	size_t found;
	void *room;

	/* With what ALIGN() may add. */
	max = clamp_t(size_t, (bytes - sizeof(u64)) / (entry + 1), 1, max);
	*b = (struct gochan_batch) { .mf = mf, .u = *u };
	b->max = min_t(size_t, max, u->count);
	found = ALIGN(b->max, sizeof(u64));
	room = kvmalloc(found + b->max * entry, GOCHAN_GFP_USER);
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
	b->keys = b->values + b->max * mf->value_size;
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

	u->done = 0;
	if (err || !u->count)
		return err;
	err = gochan_batch_init(&b, mf, u, GOCHAN_ROUND_BYTES, GOCHAN_ROUND);
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

/* Do a round. Return the number of entries stored, or an error. */
static int gochan_iter_round(struct gochan_batch *b, struct gomap_cursor *c)
{
	struct gomap_cursor next = *c;
	int n = gomap_scan(&b->mf->map, &next, b->keys, b->lens, b->values,
			   min(b->max, b->u.count - b->first));

	if (n < 0)
		return n;
	b->n = n;
	gochan_batch_out(b, b->u.keys, b->keys, b->mf->key_size);
	if (b->mf->varlen)
		gochan_batch_out(b, b->u.key_lens, b->lens, sizeof(u32));
	if (b->u.value_size)
		gochan_batch_out(b, b->u.values, b->values, b->mf->value_size);
	/* A round that is not complete is not done: the cursor has no half. */
	if (b->stop)
		return b->stop;
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
		if (n > 0)
			b->first += n;
		cond_resched();
		/* As gomap_scan() has it: not for little. */
	} while (n > 0 && b->first < b->u.count - b->u.count / 2);
	return n < 0 ? n : 0;
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

	it->done = 0;
	if (err || it->flags || !it->count)
		return -EINVAL;
	err = gochan_batch_init(&b, mf, &u, GOCHAN_ITER_BYTES,
				GOCHAN_ITER_ROUND);
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
