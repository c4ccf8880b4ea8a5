/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of memory that is bad in one way or another.
 */

#ifndef GOCHAN_PAGE_TEST_H
#define GOCHAN_PAGE_TEST_H

#include "gochan_test.h"

static size_t page;

/* Three pages: the outer ones stay usable, the middle one is made bad. */
static inline unsigned char *three_pages(void)
{
	page = sysconf(_SC_PAGESIZE);
	return shared_alloc(3 * page);
}

static inline unsigned char *bad_page(int prot)
{
	unsigned char *mem = three_pages();

	if (mprotect(mem + page, page, prot))
		abort();
	return mem + page;
}

static inline unsigned char *unmapped_page(void)
{
	unsigned char *mem = three_pages();

	if (munmap(mem + page, page))
		abort();
	return mem + page;
}

#endif /* GOCHAN_PAGE_TEST_H */
