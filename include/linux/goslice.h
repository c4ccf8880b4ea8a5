/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * goslice - growable arrays for kernel code
 *
 * A slice is a view of an array: a pointer to its first element, a length, and
 * a capacity, which is how far the view could be extended. Appending stores
 * into spare capacity, or moves the elements to a larger array; several slices
 * can view one array. The semantics are those of Go's slices.
 *
 * Example
 *	DEFINE_GOSLICE(ids, u64);		// struct ids_slice
 *
 *	struct ids_slice ids = GOSLICE_NIL, tail;
 *	u64 id = 42, *p;
 *
 *	err = goslice_append(&ids, id, GFP_KERNEL);		// 0
 *	err = goslice_append(&ids, 43, GFP_KERNEL);		// 0
 *	err = goslice_slice(&tail, &ids, 1, goslice_len(&ids));	// 0
 *	goslice_for_each(p, &tail)
 *		pr_info("%llu\n", *p);				// prints 43
 *	pr_info("first is %llu\n", ids.array[0]);	// prints first is 42
 *	goslice_put(&tail);
 *	goslice_put(&ids);
 *
 * Guarantees
 *	An operation that fails leaves every slice as it was. Elements that
 *	become visible without having been stored are zero. Sources may overlap
 *	destinations in any way: the result is as if they had been read first.
 *	Appending one at a time costs a constant time per element on average.
 *
 *	As long as an append finds spare capacity it stores in place, and all
 *	slices of the same array see that, also those that end before it.
 *	Otherwise the slice gets an array of its own, and what others view is
 *	not touched. Limit the capacity with goslice_slice3() or goslice_clip()
 *	to have the next append do that.
 *
 *	A nil slice has no array, and is empty. It is not the same as an empty
 *	slice that has one, but only goslice_is_nil() tells. No operation turns
 *	one into the other unless an element is added.
 *
 * Errors
 *	-ERANGE: bounds out of order or beyond the slice. -EOVERFLOW: a length
 *	that cannot be; -EINVAL: such a capacity, from goslice_make() only.
 *	-ENOMEM: no memory.
 *
 * Contexts
 *	Nothing here takes a lock, and no two operations on one slice, or on
 *	elements that slices share, may run at the same time unless all of them
 *	only read. But slices of one array may each be used, reallocated and
 *	put by a task of its own. What may allocate has the caller's GFP flags:
 *	with GFP_ATOMIC it can be called in any context but NMI, under
 *	spinlocks, too; then arrays of more than a page or two may fail, and
 *	those of more than KMALLOC_MAX_SIZE always do.
 *	goslice_put() and the end of goslice_for_each() may free: not in NMI,
 *	and not under a spinlock, as vfree() has it. Exceptions, PREEMPT_RT:
 *	Documentation/core-api/contexts.rst.
 *
 * Lifetime
 *	The array is reference counted, and each slice made by a function here
 *	holds a reference: sub-slices stay valid when the slice they are from
 *	has moved or been put. Begin a slice with GOSLICE_NIL, or as the output
 *	of goslice_make(), goslice_slice(), goslice_slice3(), goslice_share(),
 *	goslice_clone() or goslice_concat(), which overwrite it; end it with
 *	goslice_put(). To copy one by assignment is to move it: only one of the
 *	two may be used after that. Pointers to elements are valid until the
 *	next call that may allocate, and no longer than the slice.
 *
 * Capacities
 *	A full slice gets twice its capacity below 256 elements; from there on
 *	the factor falls smoothly towards 1.25. That is rounded up to what the
 *	allocator sets aside anyway: a size class of kmalloc(), or above the
 *	largest of them (8 KiB with 4 KiB pages) whole pages. Go rounds in the
 *	same way to the classes of its own allocator, so capacities differ from
 *	Go's while goslice_nextcap() does not. An array that has outgrown the
 *	size classes sits in memory of a power of two, which kmalloc() would
 *	take in any case, or of twice its size beyond what that can give: as
 *	long as nobody shares it, it grows there and nothing moves. Only the
 *	capacity is ever visible. goslice_make() takes no more than asked for.
 *
 *	An array has at most GOSLICE_MAX_BYTES. Besides its elements it needs
 *	one object of 32 bytes, unless the slice is nil or its elements have no
 *	size.
 */

#ifndef _LINUX_GOSLICE_H
#define _LINUX_GOSLICE_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/const.h>
#include <linux/gfp.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct goslice_array;

/* Largest array: what fits an int is the limit of kvmalloc(). */
#define GOSLICE_MAX_BYTES	((size_t)SZ_1G)

/**
 * struct goslice - a slice of elements of any type
 * @array: the first element; NULL for a nil slice
 * @len: elements it has
 * @cap: elements up to where it could be extended, @len or more
 * @backing: the array it views, with a reference; NULL if that has no memory
 *
 * What DEFINE_GOSLICE() defines has one of these inside. Members are for
 * reading.
 */
struct goslice {
	void *array;
	size_t len;
	size_t cap;
	struct goslice_array *backing;
};

/**
 * DEFINE_GOSLICE - define a slice type
 * @name: the type becomes struct name_slice
 * @type: type of the elements; they are copied as bytes
 *
 * All macros take pointers to such slices and refuse at compile time what does
 * not have the type of their elements. @array of struct name_slice points to
 * the elements: below the length, ids.array[i] is the element, at the cost of
 * an index into any array.
 */
#define DEFINE_GOSLICE(name, type)					\
struct name##_slice {							\
	union {								\
		struct goslice slice;					\
		typeof(type) *array;					\
	};								\
}

/* Initialiser: a nil slice. All bytes zero are one as well. */
#define GOSLICE_NIL		{ }

size_t goslice_nextcap(size_t new_len, size_t old_cap);

/*
 * The same without types: @size is the size of an element, the same one for
 * all calls about a slice.
 */
int __must_check goslice_raw_make(struct goslice *s, size_t len, size_t cap,
				  size_t size, gfp_t gfp);
int __must_check goslice_raw_room(struct goslice *s, size_t size, gfp_t gfp);
int __must_check goslice_raw_append(struct goslice *s, const void *src,
				    size_t n, size_t size, gfp_t gfp);
int __must_check goslice_raw_grow(struct goslice *s, size_t n, size_t size,
				  gfp_t gfp);
int __must_check goslice_raw_slice3(struct goslice *dst,
				    const struct goslice *src, size_t lo,
				    size_t hi, size_t max, size_t size);
size_t goslice_raw_copy(const struct goslice *dst, const struct goslice *src,
			size_t size);
void goslice_raw_clear(const struct goslice *s, size_t size);
int __must_check goslice_raw_insert(struct goslice *s, size_t at,
				    const void *src, size_t n, size_t size,
				    gfp_t gfp);
int __must_check goslice_raw_replace(struct goslice *s, size_t i, size_t j,
				     const void *src, size_t n, size_t size,
				     gfp_t gfp);
int __must_check goslice_raw_delete(struct goslice *s, size_t i, size_t j,
				    size_t size);
int __must_check goslice_raw_clone(struct goslice *dst,
				   const struct goslice *src, size_t size,
				   gfp_t gfp);
int __must_check goslice_raw_concat(struct goslice *dst,
				    const struct goslice *const *srcs,
				    size_t nr, size_t size, gfp_t gfp);

struct goslice_array *goslice_array_get(struct goslice_array *a);
void goslice_array_put(struct goslice_array *a);

/**
 * goslice_raw_share - another slice of the same elements
 * @dst: becomes what @src is; overwritten
 * @src: the slice
 *
 * Context: Any context.
 */
static inline void goslice_raw_share(struct goslice *dst,
				     const struct goslice *src)
{
	*dst = *src;
	goslice_array_get(src->backing);
}

/**
 * goslice_raw_put - end a slice
 * @s: the slice; it is nil afterwards
 *
 * Context: Any but NMI, but not under a spinlock.
 */
static inline void goslice_raw_put(struct goslice *s)
{
	struct goslice_array *a = s->backing;

	*s = (struct goslice)GOSLICE_NIL;
	goslice_array_put(a);
}

/**
 * struct goslice_range - an iteration under way
 *
 * Made by goslice_for_each(). All members are private.
 */
struct goslice_range {
	/* private: */
	struct goslice slice;
	size_t i;
};

/**
 * goslice_range_begin - begin an iteration
 * @s: the slice as it is now
 *
 * Context: Any context.
 * Return: the iteration, to be ended by goslice_range_end().
 */
static inline struct goslice_range goslice_range_begin(const struct goslice *s)
{
	goslice_array_get(s->backing);
	return (struct goslice_range){ .slice = *s };
}

/**
 * goslice_range_end - end an iteration
 * @r: the iteration
 *
 * Context: As goslice_put().
 */
static inline void goslice_range_end(struct goslice_range *r)
{
	goslice_array_put(r->slice.backing);
}

/* The value of a statement expression may be ignored, that of this may not. */
static inline int __must_check goslice_must_check(int err)
{
	return err;
}

/*
 * The type checks of the macros below. A constant has a type of its own, and
 * the compiler sees to it that it fits.
 */
#define goslice_check_ptr(s, ptr)					\
	static_assert(__same_type(*(s)->array, *(ptr)),			\
		      "elements of another type than the slice's")
#define goslice_check_val(s, val)					\
	static_assert(__is_constexpr(					\
		__builtin_choose_expr(__same_type(*(s)->array, val), 0, val)), \
		"value of another type than the slice's elements")

/**
 * goslice_make - make a slice with an array of its own
 * @s: overwritten
 * @length: its length
 * @capacity: its capacity, the same or more
 * @gfp: how to allocate
 *
 * All elements are zero up to the capacity.
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW if there cannot be such a length, -EINVAL if only the
 * capacity cannot be or is less, -ENOMEM.
 */
#define goslice_make(s, length, capacity, gfp)				\
	goslice_raw_make(&(s)->slice, length, capacity,			\
			 sizeof(*(s)->array), gfp)

/**
 * goslice_put - end a slice
 * @s: the slice; it is nil afterwards
 *
 * The last slice of an array frees it.
 *
 * Context: Any but NMI, but not under a spinlock.
 */
#define goslice_put(s)		goslice_raw_put(&(s)->slice)

/**
 * goslice_share - another slice of the same elements
 * @dst: becomes what @src is; overwritten
 * @src: a slice of the same type
 *
 * Context: Any context.
 */
#define goslice_share(dst, src)						\
({									\
	goslice_check_ptr(dst, (src)->array);				\
	goslice_raw_share(&(dst)->slice, &(src)->slice);		\
})

/**
 * goslice_len - number of elements
 * @s: the slice
 *
 * Context: Any context.
 * Return: the number.
 */
#define goslice_len(s)		((s)->slice.len)

/**
 * goslice_cap - number of elements up to where a slice can be extended
 * @s: the slice
 *
 * Context: Any context.
 * Return: the number, not less than the length.
 */
#define goslice_cap(s)		((s)->slice.cap)

/**
 * goslice_is_nil - is this slice nil?
 * @s: the slice
 *
 * Context: Any context.
 * Return: true if it never had an array, not even an empty one.
 */
#define goslice_is_nil(s)	(!(s)->slice.array)

/**
 * goslice_at - a checked index
 * @s: the slice
 * @i: which element
 *
 * Context: Any context.
 * Return: pointer to the element, or NULL if @i is not below the length.
 */
#define goslice_at(s, i)						\
({									\
	typeof(s) __at = (s);						\
	size_t __i = (i);						\
									\
	likely(__i < __at->slice.len) ? &__at->array[__i] : NULL;	\
})

/**
 * goslice_fixed - the first elements as an array of fixed size
 * @s: the slice
 * @n: how many, a constant
 *
 * Context: Any context.
 * Return: pointer to an array of @n elements, or NULL if the length is less, or
 * the slice is nil.
 */
#define goslice_fixed(s, n)						\
({									\
	typeof(s) __fixed = (s);					\
									\
	__fixed->slice.len < (n) ? NULL :				\
		(typeof(*__fixed->array)(*)[n])__fixed->array;		\
})

/**
 * goslice_append - append a value
 * @s: the slice
 * @val: the value: of the type of the elements, or an integer constant
 * @gfp: how to allocate, if there is no spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW if it would be too long, -ENOMEM.
 */
#define goslice_append(s, val, gfp)					\
goslice_must_check(({							\
	typeof(s) __s = (s);						\
	typeof(*__s->array) __val = (val);				\
	int __err = 0;							\
									\
	goslice_check_val(s, val);					\
	if (unlikely(__s->slice.len >= __s->slice.cap))			\
		__err = goslice_raw_room(&__s->slice, sizeof(__val), gfp); \
	if (likely(!__err))						\
		__s->array[__s->slice.len++] = __val;			\
	__err;								\
}))

/**
 * goslice_append_many - append elements of an array
 * @s: the slice
 * @src: pointer to the first; may point into any slice, @s as well
 * @n: how many
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW if it would be too long, -ENOMEM.
 */
#define goslice_append_many(s, src, n, gfp)				\
goslice_must_check(({							\
	goslice_check_ptr(s, src);					\
	goslice_raw_append(&(s)->slice, src, n, sizeof(*(s)->array), gfp); \
}))

/**
 * goslice_append_slice - append the elements of a slice
 * @s: the slice
 * @src: a slice of the same type, of whatever array, or @s
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW if it would be too long, -ENOMEM.
 */
#define goslice_append_slice(s, src, gfp)				\
goslice_must_check(({							\
	typeof(&(src)->slice) __from = &(src)->slice;			\
									\
	goslice_check_ptr(s, (src)->array);				\
	goslice_raw_append(&(s)->slice, __from->array, __from->len,	\
			   sizeof(*(s)->array), gfp);			\
}))

/**
 * goslice_slice - a slice of a slice
 * @dst: overwritten; may be @src, which then changes
 * @src: a slice of the same type
 * @lo: its first element becomes the first of @dst
 * @hi: the element after the last; the capacity of @src is the limit, not its
 *	length
 *
 * The capacity of @dst ends where that of @src does.
 *
 * Context: Any context.
 * Return: 0, or -ERANGE if not @lo <= @hi <= capacity.
 */
#define goslice_slice(dst, src, lo, hi)					\
goslice_must_check(({							\
	typeof(&(src)->slice) __whole = &(src)->slice;			\
									\
	goslice_check_ptr(dst, (src)->array);				\
	goslice_raw_slice3(&(dst)->slice, __whole, lo, hi, __whole->cap, \
			   sizeof(*(src)->array));			\
}))

/**
 * goslice_slice3 - a slice of a slice, with a limit
 * @dst: overwritten; may be @src, which then changes
 * @src: a slice of the same type
 * @lo: its first element becomes the first of @dst
 * @hi: the element after the last
 * @max: where the capacity of @dst ends, in elements of @src
 *
 * Context: Any context.
 * Return: 0, or -ERANGE if not @lo <= @hi <= @max <= capacity.
 */
#define goslice_slice3(dst, src, lo, hi, max)				\
goslice_must_check(({							\
	goslice_check_ptr(dst, (src)->array);				\
	goslice_raw_slice3(&(dst)->slice, &(src)->slice, lo, hi, max,	\
			   sizeof(*(src)->array));			\
}))

/**
 * goslice_copy - copy elements over those of another slice
 * @dst: where to; its length does not change
 * @src: a slice of the same type, may overlap
 *
 * Context: Any context.
 * Return: the number of elements copied, which is the lesser length.
 */
#define goslice_copy(dst, src)						\
({									\
	goslice_check_ptr(dst, (src)->array);				\
	goslice_raw_copy(&(dst)->slice, &(src)->slice,			\
			 sizeof(*(dst)->array));			\
})

/**
 * goslice_clear - zero all elements
 * @s: the slice; what is beyond its length is not touched
 *
 * Context: Any context.
 */
#define goslice_clear(s)						\
	goslice_raw_clear(&(s)->slice, sizeof(*(s)->array))

/**
 * goslice_grow - make room
 * @s: the slice
 * @n: this many appends shall not allocate
 * @gfp: how to allocate
 *
 * Elements between length and capacity are kept, too.
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW if that is too many, -ENOMEM.
 */
#define goslice_grow(s, n, gfp)						\
	goslice_raw_grow(&(s)->slice, n, sizeof(*(s)->array), gfp)

/**
 * goslice_clip - give up spare capacity
 * @s: the slice; its capacity becomes its length
 *
 * This frees nothing, but keeps the next append from storing where other slices
 * would see it.
 *
 * Context: Any context.
 */
#define goslice_clip(s)		((void)((s)->slice.cap = (s)->slice.len))

/**
 * goslice_insert - insert a value
 * @s: the slice
 * @at: index it shall have, up to the length
 * @val: the value: of the type of the elements, or an integer constant
 * @gfp: how to allocate, if there is no spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -ERANGE if @at is beyond the length, -EOVERFLOW, -ENOMEM.
 */
#define goslice_insert(s, at, val, gfp)					\
goslice_must_check(({							\
	typeof(s) __s = (s);						\
	typeof(*__s->array) __val = (val);				\
									\
	goslice_check_val(s, val);					\
	goslice_raw_insert(&__s->slice, at, &__val, 1, sizeof(__val), gfp); \
}))

/**
 * goslice_insert_many - insert elements of an array
 * @s: the slice
 * @at: index the first one shall have, up to the length
 * @src: pointer to the first; may point into any slice, @s as well
 * @n: how many
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -ERANGE if @at is beyond the length, -EOVERFLOW, -ENOMEM.
 */
#define goslice_insert_many(s, at, src, n, gfp)				\
goslice_must_check(({							\
	goslice_check_ptr(s, src);					\
	goslice_raw_insert(&(s)->slice, at, src, n,			\
			   sizeof(*(s)->array), gfp);			\
}))

/**
 * goslice_replace - replace elements by those of an array
 * @s: the slice
 * @i: the first of them
 * @j: the element after the last of them
 * @src: pointer to the first new one; may point into any slice, @s as well
 * @n: how many new ones, more or fewer or as many
 * @gfp: how to allocate, if there is not enough spare capacity
 *
 * The elements behind them move up or down, for all who view the array, if it
 * has room; if not, the slice gets an array of its own. What is vacated between
 * the new and the old length is zeroed.
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -ERANGE if not @i <= @j <= length, -EOVERFLOW, -ENOMEM.
 */
#define goslice_replace(s, i, j, src, n, gfp)				\
goslice_must_check(({							\
	goslice_check_ptr(s, src);					\
	goslice_raw_replace(&(s)->slice, i, j, src, n,			\
			    sizeof(*(s)->array), gfp);			\
}))

/**
 * goslice_delete - remove elements
 * @s: the slice
 * @i: the first of them
 * @j: the element after the last of them
 *
 * The elements behind them move up, for all who view the array, and what is
 * vacated between the new and the old length is zeroed.
 *
 * Context: Any context.
 * Return: 0, or -ERANGE if not @i <= @j <= length.
 */
#define goslice_delete(s, i, j)						\
	goslice_raw_delete(&(s)->slice, i, j, sizeof(*(s)->array))

/**
 * goslice_clone - a copy with an array of its own
 * @dst: overwritten; nil if @src is
 * @src: a slice of the same type
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW, or -ENOMEM.
 */
#define goslice_clone(dst, src, gfp)					\
goslice_must_check(({							\
	goslice_check_ptr(dst, (src)->array);				\
	goslice_raw_clone(&(dst)->slice, &(src)->slice,			\
			  sizeof(*(dst)->array), gfp);			\
}))

/**
 * goslice_concat - the elements of several slices, one after the other
 * @dst: overwritten; nil if there are no elements
 * @srcs: array of pointers to slices of the same type
 * @nr: number of slices
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, -EOVERFLOW if they are too many, -ENOMEM.
 */
#define goslice_concat(dst, srcs, nr, gfp)				\
goslice_must_check(({							\
	goslice_check_ptr(dst, (*(srcs))->array);			\
	goslice_raw_concat(&(dst)->slice,				\
			   (const struct goslice *const *)(srcs), nr,	\
			   sizeof(*(dst)->array), gfp);			\
}))

/* The iteration @r looks at the slice once, and keeps its array alive. */
#define goslice_for_each_range(p, s, r)					\
	for (struct goslice_range r					\
	     __attribute__((__cleanup__(goslice_range_end))) =		\
		goslice_range_begin(&(s)->slice);			\
	     r.i < r.slice.len &&					\
	     ((p) = (typeof((s)->array))r.slice.array + r.i, true);	\
	     r.i++)

/**
 * goslice_for_each - loop over the elements
 * @p: pointer to an element, set for each turn
 * @s: the slice, evaluated once at the beginning
 *
 * The loop goes through the elements that the slice has when it begins,
 * whatever becomes of the slice: if the body appends to it and it moves, the
 * loop goes on in the old array. Elements are those of the moment of each
 * turn. The loop may be left in any way.
 *
 * Context: As goslice_put(), if the slice may be changed or put meanwhile; any
 * context otherwise.
 */
#define goslice_for_each(p, s)						\
	goslice_for_each_range(p, s, __UNIQUE_ID(range))

#endif /* _LINUX_GOSLICE_H */
