// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing a channel, and waking everybody who waits on it.
 *
 * Lifetime and lock order: internal.h. For users: include/linux/gochan.h and
 * Documentation/core-api/gochan.rst.
 */

#include <linux/export.h>

#include "../compat.h"
#include "internal.h"

/*
 * Wake some waiters of a closed channel, or when there are none left its poll
 * watchers. Return true if there is more to do.
 */
static bool __gochan_dismiss_some(struct gochan *ch)
{
	/*
	 * Records to take off queues. A waiter has one, unless it is a select,
	 * and a wake-up takes about a microsecond: 32 are a short while.
	 */
	unsigned int budget = 32;

	__gochan_dismiss(&ch->recvq, &budget);
	__gochan_dismiss(&ch->sendq, &budget);
	if (__gochan_has_waiters(&ch->recvq) ||
	    __gochan_has_waiters(&ch->sendq))
		return true;
	__gochan_notify_many(ch, &ch->recvq, 0, U32_MAX);
	__gochan_notify_many(ch, &ch->sendq, 0, U32_MAX);
	return false;
}

/**
 * gochan_close - close a channel
 * @ch: the channel
 *
 * What is buffered can still be received. Sleeping receivers see the end,
 * sleeping senders fail and their values are lost; receivers are woken first.
 *
 * Context: Any context but NMI.
 * Return: 0, or -ESHUTDOWN if the channel is closed already, or -EBADF if @ch
 * is NULL or a timer's.
 */
int gochan_close(struct gochan *ch)
{
	unsigned long flags;
	int err = -ESHUTDOWN;
	bool more = false;

	if (!ch || ch->timer)
		return -EBADF;

	spin_lock_irqsave(&ch->lock, flags);
	if (!ch->closed) {
		/*
		 * Pairs with smp_load_acquire() in gochan_recv_would_block():
		 * who sees the channel closed sees what was sent before.
		 */
		smp_store_release(&ch->closed, true);
		more = __gochan_dismiss_some(ch);
		err = 0;
	}
	spin_unlock_irqrestore(&ch->lock, flags);

	/* A crowd is woken with pauses for interrupts: nobody joins it now. */
	while (more) {
		spin_lock_irqsave(&ch->lock, flags);
		more = __gochan_dismiss_some(ch);
		spin_unlock_irqrestore(&ch->lock, flags);
	}
	return err;
}
EXPORT_SYMBOL_NS_GPL(gochan_close, GOCHAN_NS);
