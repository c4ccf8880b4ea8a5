// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices: how arrays are made, grown and given back, and what moves elements.
 * The types are put on in goslice.h.
 *
 * Lifetime
 *	A struct goslice_array is the array that slices view, reference counted
 *	and apart from its elements: those have memory of their own, so that
 *	they fill a size class exactly. Each slice with a backing array holds a
 *	reference. Who holds the only one owns the array: no other slice can
 *	come to it but through this one, and a slice is used by one task at a
 *	time. So the owner may move or extend the elements in the same object.
 *
 *	Elements that a growth leaves behind are freed only when the operation
 *	is over: its source may be among them.
 *
 * Locks
 *	None. Slices of one array meet in its reference count alone.
 */

#include <linux/export.h>
#include <linux/goslice.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat.h"

/* From this capacity on growth slows down; as in Go. */
#define GOSLICE_THRESHOLD	256

/**
 * struct goslice_array - an array that slices view
 * @refs: slices
 * @bytes: size of @data; it may have more room than any slice may use
 * @data: the elements
 *
 * Only the owner of the sole reference changes @bytes and @data.
 */
struct goslice_array {
	refcount_t refs;
	size_t bytes;
	void *data;
};

/**
 * struct goslice_stale - what a growth has left behind
 * @data: elements, to be freed; may be NULL
 * @array: an array with one reference too many; may be NULL
 */
struct goslice_stale {
	void *data;
	struct goslice_array *array;
};

/* The beginning of memory that waits to be freed. */
struct goslice_dead {
	struct rcu_head rcu;
};

/* Memory of vmalloc() must not be freed under a spinlock; a worker can. */
static void goslice_free_data(void *data, bool may_block)
{
	if (!may_block && is_vmalloc_addr(data))
		kvfree_rcu((struct goslice_dead *)data, rcu);
	else
		kvfree(data);
}

static void goslice_array_drop(struct goslice_array *a, bool may_block)
{
	if (!a || !refcount_dec_and_test(&a->refs))
		return;
	goslice_free_data(a->data, may_block);
	kfree(a);
}

/**
 * goslice_array_get - take a reference to an array
 * @a: the array, or NULL
 *
 * Slices do this for their users.
 *
 * Context: Any context.
 * Return: @a.
 */
struct goslice_array *goslice_array_get(struct goslice_array *a)
{
	if (a)
		refcount_inc(&a->refs);
	return a;
}
EXPORT_SYMBOL_NS_GPL(goslice_array_get, GOCHAN_NS);

/**
 * goslice_array_put - give a reference to an array back
 * @a: the array, or NULL
 *
 * Context: Any but NMI, but not under a spinlock.
 */
void goslice_array_put(struct goslice_array *a)
{
	goslice_array_drop(a, true);
}
EXPORT_SYMBOL_NS_GPL(goslice_array_put, GOCHAN_NS);

/* Can there be this many elements? */
static bool goslice_fits(size_t n, size_t size)
{
	size_t bytes;

	return n <= LONG_MAX && !check_mul_overflow(n, size, &bytes) &&
	       bytes <= GOSLICE_MAX_BYTES;
}

/**
 * goslice_nextcap - the capacity that an append asks for
 * @new_len: length that does not fit
 * @old_cap: capacity before
 *
 * It is then rounded up to what the allocator gives.
 *
 * Context: Any context.
 * Return: the number of elements.
 */
size_t goslice_nextcap(size_t new_len, size_t old_cap)
{
	size_t cap = old_cap;

	if (old_cap > LONG_MAX / 2 || new_len > 2 * old_cap)
		return new_len;
	if (old_cap < GOSLICE_THRESHOLD)
		return 2 * old_cap;
	/* From twice towards 1.25 times, without a step between them. */
	do {
		cap += (cap + 3 * GOSLICE_THRESHOLD) >> 2;
	} while (cap < new_len);
	return cap <= LONG_MAX ? cap : new_len;
}
EXPORT_SYMBOL_NS_GPL(goslice_nextcap, GOCHAN_NS);

/* What the allocator sets aside: a size class, or whole pages above them. */
static size_t goslice_rounded(size_t bytes)
{
	if (bytes <= KMALLOC_MAX_CACHE_SIZE)
		return kmalloc_size_roundup(bytes);
	return PAGE_ALIGN(bytes);
}

/*
 * Memory for an array that has begun to grow. kmalloc() takes a power of two of
 * pages: ask for all of them, so that the array goes on growing there. Beyond
 * its largest size ask for twice as much, because steps of 1.25 times that
 * move everything would cost more than all the appends between them: mapping
 * pages is dear, and so is the first touch of each mapping.
 */
static size_t goslice_spacious(size_t bytes)
{
	if (bytes <= KMALLOC_MAX_CACHE_SIZE)
		return bytes;
	if (bytes <= KMALLOC_MAX_SIZE)
		return roundup_pow_of_two(bytes);
	return min(2 * bytes, GOSLICE_MAX_BYTES);
}

/*
 * Only callers that may block fall back to vmalloc(): what newer kernels let it
 * do for others does not work in an interrupt.
 */
static void *goslice_alloc_data(size_t bytes, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return kvmalloc(bytes, gfp);
	return kmalloc(bytes, gfp | __GFP_NOWARN);
}

static struct goslice_array *goslice_array_alloc(size_t bytes, gfp_t gfp)
{
	struct goslice_array *a = kmalloc(sizeof(*a), gfp);

	if (!a)
		return NULL;
	a->data = goslice_alloc_data(bytes, gfp);
	if (!a->data) {
		kfree(a);
		return NULL;
	}
	a->bytes = bytes;
	refcount_set(&a->refs, 1);
	return a;
}

/**
 * goslice_raw_make - make a slice with an array of its own
 * @s: overwritten
 * @len: its length
 * @cap: its capacity, the same or more
 * @size: size of an element
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_make().
 */
int goslice_raw_make(struct goslice *s, size_t len, size_t cap, size_t size,
		     gfp_t gfp)
{
	struct goslice_array *a = NULL;

	if (len > cap || !goslice_fits(cap, size))
		return goslice_fits(len, size) ? -EINVAL : -EOVERFLOW;
	if (cap && size) {
		a = goslice_array_alloc(cap * size, gfp | __GFP_ZERO);
		if (!a)
			return -ENOMEM;
	}
	*s = (struct goslice){
		.array = a ? a->data : ZERO_SIZE_PTR,
		.len = len,
		.cap = cap,
		.backing = a,
	};
	return 0;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_make, GOCHAN_NS);

static bool goslice_owned(const struct goslice *s)
{
	if (!s->backing || refcount_read(&s->backing->refs) != 1)
		return false;
	/*
	 * Pairs with the release in refcount_dec_and_test() of the slice that
	 * shared the array before: its last accesses are over. Test:
	 * slice-owned.litmus.
	 */
	smp_acquire__after_ctrl_dep();
	return true;
}

/* Is there room for so many bytes behind the beginning of the slice? */
static bool goslice_extends(const struct goslice *s, size_t bytes)
{
	const struct goslice_array *a = s->backing;

	return goslice_owned(s) && bytes <= a->bytes - (s->array - a->data);
}

/* Let @s have a larger array, with the bytes @keep from the old one. */
static int goslice_move(struct goslice *s, size_t keep, size_t bytes, gfp_t gfp,
			struct goslice_stale *stale)
{
	struct goslice_array *a = s->backing;
	void *data;

	bytes = goslice_spacious(bytes);
	if (goslice_owned(s)) {
		data = goslice_alloc_data(bytes, gfp);
		if (!data)
			return -ENOMEM;
		stale->data = a->data;
		a->data = data;
		a->bytes = bytes;
	} else {
		a = goslice_array_alloc(bytes, gfp);
		if (!a)
			return -ENOMEM;
		stale->array = s->backing;
	}
	if (keep)
		memcpy(a->data, s->array, keep);
	s->array = a->data;
	s->backing = a;
	return 0;
}

static void goslice_drop_stale(struct goslice_stale *stale, gfp_t gfp)
{
	bool may_block = gfpflags_allow_blocking(gfp);

	if (stale->data)
		goslice_free_data(stale->data, may_block);
	goslice_array_drop(stale->array, may_block);
}

/*
 * Give a slice that is too small for @new_len elements the capacity that Go
 * would. @keep elements are kept; the caller is about to store all from there
 * to @stored, the rest becomes zero.
 */
static int goslice_enlarge(struct goslice *s, size_t new_len, size_t keep,
			   size_t stored, size_t size, gfp_t gfp,
			   struct goslice_stale *stale)
{
	size_t bytes, cap = goslice_nextcap(new_len, s->cap);
	int err;

	if (!size) {
		s->array = ZERO_SIZE_PTR;
		s->cap = new_len;
		return 0;
	}
	if (!goslice_fits(new_len, size))
		return -EOVERFLOW;
	/* The last growth of all is to the end, however far that is. */
	cap = min(cap, GOSLICE_MAX_BYTES / size);
	bytes = goslice_rounded(cap * size);
	cap = bytes / size;
	if (goslice_extends(s, cap * size)) {
		stored = max(stored, s->cap);
	} else {
		err = goslice_move(s, keep * size, bytes, gfp, stale);
		if (err)
			return err;
	}
	memset(s->array + stored * size, 0, (cap - stored) * size);
	s->cap = cap;
	return 0;
}

/* Room for @n elements that the caller is about to store behind the last. */
static int goslice_reserve(struct goslice *s, size_t n, size_t size, gfp_t gfp,
			   struct goslice_stale *stale)
{
	if (n <= s->cap - s->len)
		return 0;
	if (n > LONG_MAX - s->len)
		return -EOVERFLOW;
	return goslice_enlarge(s, s->len + n, s->len, s->len + n, size, gfp,
			       stale);
}

/**
 * goslice_raw_room - grow a slice that an append finds full
 * @s: the slice
 * @size: size of an element
 * @gfp: how to allocate
 *
 * For goslice_append(), whose value the compiler stores.
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_append().
 */
int goslice_raw_room(struct goslice *s, size_t size, gfp_t gfp)
{
	struct goslice_stale stale = { };
	int err = goslice_reserve(s, 1, size, gfp, &stale);

	goslice_drop_stale(&stale, gfp);
	return err;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_room, GOCHAN_NS);

/**
 * goslice_raw_append - append elements
 * @s: the slice
 * @src: pointer to the first; may point into any slice, @s as well
 * @n: how many
 * @size: size of an element
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_append_many().
 */
int goslice_raw_append(struct goslice *s, const void *src, size_t n,
		       size_t size, gfp_t gfp)
{
	struct goslice_stale stale = { };
	int err;

	if (!n)
		return 0;
	err = goslice_reserve(s, n, size, gfp, &stale);
	if (err)
		return err;
	memmove(s->array + s->len * size, src, n * size);
	s->len += n;
	goslice_drop_stale(&stale, gfp);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_append, GOCHAN_NS);

/**
 * goslice_raw_grow - make room
 * @s: the slice
 * @n: this many appends shall not allocate
 * @size: size of an element
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_grow().
 */
int goslice_raw_grow(struct goslice *s, size_t n, size_t size, gfp_t gfp)
{
	struct goslice_stale stale = { };
	int err;

	if (n <= s->cap - s->len)
		return 0;
	if (n > LONG_MAX - s->len)
		return -EOVERFLOW;
	err = goslice_enlarge(s, s->len + n, s->cap, s->cap, size, gfp, &stale);
	goslice_drop_stale(&stale, gfp);
	return err;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_grow, GOCHAN_NS);

/**
 * goslice_raw_slice3 - a slice of a slice, with a limit
 * @dst: overwritten; may be @src, which then changes
 * @src: a slice of the same type
 * @lo: its first element becomes the first of @dst
 * @hi: the element after the last
 * @max: where the capacity of @dst ends, in elements of @src
 * @size: size of an element
 *
 * Context: Any context.
 * Return: as goslice_slice3().
 */
int goslice_raw_slice3(struct goslice *dst, const struct goslice *src,
		       size_t lo, size_t hi, size_t max, size_t size)
{
	/* Never point behind the array, where something else may begin. */
	size_t skip = max > lo ? lo * size : 0;

	if (lo > hi || hi > max || max > src->cap)
		return -ERANGE;
	if (dst != src)
		goslice_array_get(src->backing);
	*dst = (struct goslice){
		.array = skip ? src->array + skip : src->array,
		.len = hi - lo,
		.cap = max - lo,
		.backing = src->backing,
	};
	return 0;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_slice3, GOCHAN_NS);

/**
 * goslice_raw_copy - copy elements over those of another slice
 * @dst: where to; its length does not change
 * @src: a slice of the same type, may overlap
 * @size: size of an element
 *
 * Context: Any context.
 * Return: as goslice_copy().
 */
size_t goslice_raw_copy(const struct goslice *dst, const struct goslice *src,
			size_t size)
{
	size_t n = min(dst->len, src->len);

	if (n)
		memmove(dst->array, src->array, n * size);
	return n;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_copy, GOCHAN_NS);

/**
 * goslice_raw_clear - zero all elements
 * @s: the slice
 * @size: size of an element
 *
 * Context: Any context.
 */
void goslice_raw_clear(const struct goslice *s, size_t size)
{
	if (s->len)
		memset(s->array, 0, s->len * size);
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_clear, GOCHAN_NS);

static void goslice_reverse(u8 *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n / 2; i++)
		swap(bytes[i], bytes[n - 1 - i]);
}

/* Exchange the first @head bytes with the @tail bytes behind them. */
static void goslice_exchange(void *bytes, size_t head, size_t tail)
{
	goslice_reverse(bytes, head);
	goslice_reverse(bytes + head, tail);
	goslice_reverse(bytes, head + tail);
}

/*
 * Let @bytes from @src take the place of fewer bytes at @pos, the @gone ones;
 * the @behind bytes after those end up after the new ones. There is room.
 */
static void goslice_push_in(void *pos, size_t gone, size_t behind,
			    const void *src, size_t bytes)
{
	void *tail = pos + gone, *end = tail + behind;
	size_t more = bytes - gone;

	if (src <= pos || src >= end + more) {
		/* None of it is where the tail goes. */
		memmove(pos + bytes, tail, behind);
		memmove(pos, src, bytes);
		return;
	}
	if (src <= tail && src + bytes >= end) {
		/* The tail is a part of it: one copy of that is enough. */
		memmove(pos, src, bytes);
		memmove(pos + bytes, pos + (tail - src), behind);
		return;
	}
	/*
	 * Its end takes the place of what is gone, its beginning the room
	 * behind the tail, and then they change sides. The one to be stored
	 * first is the one that the other does not come from: not both do, or
	 * the tail would be a part of the source.
	 */
	if (src + bytes > end) {
		memmove(pos, src + more, gone);
		memmove(end, src, more);
	} else {
		memmove(end, src, more);
		memmove(pos, src + more, gone);
	}
	goslice_exchange(pos, gone + behind, more);
}

/* The same with no more bytes than are gone: those have room at once. */
static void goslice_pull_in(void *pos, size_t gone, size_t behind,
			    const void *src, size_t bytes)
{
	memmove(pos, src, bytes);
	memmove(pos + bytes, pos + gone, behind);
	memset(pos + bytes + behind, 0, gone - bytes);
}

/**
 * goslice_raw_replace - replace elements
 * @s: the slice
 * @i: the first of them
 * @j: the element after the last of them
 * @src: pointer to the first new one; may point into any slice, @s as well
 * @n: how many new ones
 * @size: size of an element
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_replace().
 */
int goslice_raw_replace(struct goslice *s, size_t i, size_t j, const void *src,
			size_t n, size_t size, gfp_t gfp)
{
	struct goslice_stale stale = { };
	size_t behind, gone = j - i;
	int err;

	if (i > j || j > s->len)
		return -ERANGE;
	if (!n && !gone)
		return 0;
	behind = (s->len - j) * size;
	if (n > gone) {
		err = goslice_reserve(s, n - gone, size, gfp, &stale);
		if (err)
			return err;
		goslice_push_in(s->array + i * size, gone * size, behind, src,
				n * size);
	} else {
		goslice_pull_in(s->array + i * size, gone * size, behind, src,
				n * size);
	}
	s->len = s->len - gone + n;
	goslice_drop_stale(&stale, gfp);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_replace, GOCHAN_NS);

/**
 * goslice_raw_insert - insert elements
 * @s: the slice
 * @at: index the first one shall have, up to the length
 * @src: pointer to the first; may point into any slice, @s as well
 * @n: how many
 * @size: size of an element
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_insert_many().
 */
int goslice_raw_insert(struct goslice *s, size_t at, const void *src, size_t n,
		       size_t size, gfp_t gfp)
{
	return goslice_raw_replace(s, at, at, src, n, size, gfp);
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_insert, GOCHAN_NS);

/**
 * goslice_raw_delete - remove elements
 * @s: the slice
 * @i: the first of them
 * @j: the element after the last of them
 * @size: size of an element
 *
 * Context: Any context.
 * Return: as goslice_delete().
 */
int goslice_raw_delete(struct goslice *s, size_t i, size_t j, size_t size)
{
	size_t gone = j - i;

	if (i > j || j > s->len)
		return -ERANGE;
	if (!gone)
		return 0;
	memmove(s->array + i * size, s->array + j * size,
		(s->len - j) * size);
	s->len -= gone;
	memset(s->array + s->len * size, 0, gone * size);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_delete, GOCHAN_NS);

/**
 * goslice_raw_clone - a copy with an array of its own
 * @dst: overwritten; nil if @src is
 * @src: the slice
 * @size: size of an element
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_clone().
 */
int goslice_raw_clone(struct goslice *dst, const struct goslice *src,
		      size_t size, gfp_t gfp)
{
	struct goslice next = { .array = src->array ? ZERO_SIZE_PTR : NULL };
	int err = goslice_raw_append(&next, src->array, src->len, size, gfp);

	if (!err)
		*dst = next;
	return err;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_clone, GOCHAN_NS);

/**
 * goslice_raw_concat - the elements of several slices, one after the other
 * @dst: overwritten; nil if there are no elements
 * @srcs: the slices
 * @nr: number of slices
 * @size: size of an element
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: as goslice_concat().
 */
int goslice_raw_concat(struct goslice *dst, const struct goslice *const *srcs,
		       size_t nr, size_t size, gfp_t gfp)
{
	struct goslice next = GOSLICE_NIL;
	size_t i, total = 0;
	int err;

	for (i = 0; i < nr; i++)
		if (check_add_overflow(total, srcs[i]->len, &total))
			return -EOVERFLOW;
	err = goslice_raw_grow(&next, total, size, gfp);
	/* There is room for all: from here on nothing fails. */
	for (i = 0; !err && i < nr; i++)
		err = goslice_raw_append(&next, srcs[i]->array, srcs[i]->len,
					 size, gfp);
	if (!err)
		*dst = next;
	return err;
}
EXPORT_SYMBOL_NS_GPL(goslice_raw_concat, GOCHAN_NS);
