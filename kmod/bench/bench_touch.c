// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory, before the clock runs.
 */

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "bench.h"

/* Memory is touched in pieces of this order before the first measurement. */
#define BENCH_TOUCH_ORDER	8

/*
 * User Mode Linux, like other guests, gets its memory from the host when it
 * first touches it, which must not happen while the clock runs.
 */
void bench_touch(void)
{
	const size_t size = PAGE_SIZE << BENCH_TOUCH_ORDER;
	size_t left = si_mem_available() / 4 * 3 / (size >> PAGE_SHIFT);
	struct page *page, *next;
	LIST_HEAD(pages);

	while (left--) {
		page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN,
				   BENCH_TOUCH_ORDER);
		if (!page)
			break;
		memset(page_address(page), 1, size);
		list_add(&page->lru, &pages);
		cond_resched();
	}
	list_for_each_entry_safe(page, next, &pages, lru)
		__free_pages(page, BENCH_TOUCH_ORDER);
}
