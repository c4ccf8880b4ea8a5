/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a size that users choose: so allocated that the allocator gives
 * little more than was asked for, and what it gives.
 */

#ifndef _GOCHAN_MEM_H
#define _GOCHAN_MEM_H

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/*
 * kmalloc() has a power of two of pages, vmalloc() any number, at the price of
 * page tables. That price is worth more than an eighth of the memory.
 */
static inline bool gochan_mem_is_virtual(size_t size)
{
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		return false;
	return size > KMALLOC_MAX_SIZE ||
	       kmalloc_size_roundup(size) - size > size / 8;
}

/**
 * gochan_mem_bytes - what gochan_mem_alloc() sets aside
 * @size: bytes that are asked for
 * @gfp: as for gochan_mem_alloc()
 *
 * Context: Any context.
 * Return: the number of bytes; where kvmalloc() has to fall back to vmalloc(),
 * up to an eighth more than it takes.
 */
static inline size_t gochan_mem_bytes(size_t size, gfp_t gfp)
{
	if (size > KMALLOC_MAX_SIZE ||
	    (gfpflags_allow_blocking(gfp) && gochan_mem_is_virtual(size)))
		return PAGE_ALIGN(size);
	return kmalloc_size_roundup(size);
}

/**
 * gochan_mem_alloc - allocate memory, for kvfree()
 * @size: bytes that are asked for
 * @gfp: how to allocate; of what may block, no more than vmalloc() supports
 *
 * Only callers that may block get memory from vmalloc(): not all kernels can do
 * that in an interrupt.
 *
 * Context: As @gfp says.
 * Return: the memory or NULL.
 */
static inline void *gochan_mem_alloc(size_t size, gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp))
		return kmalloc(size, gfp | __GFP_NOWARN);
	if (gochan_mem_is_virtual(size))
		return __vmalloc(size, gfp);
	return kvmalloc(size, gfp);
}

#endif /* _GOCHAN_MEM_H */
