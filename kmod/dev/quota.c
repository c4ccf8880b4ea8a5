// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each user may make the kernel keep: a number of objects and of bytes,
 * on top of what the memory cgroup says. The user is the real uid of the
 * process that makes an object; CAP_SYS_RESOURCE is counted but not limited.
 * A user who owns many uids, as user namespaces give out, has as many accounts;
 * the memory cgroup is what holds then.
 *
 * An account exists while something is charged to it, in a map from users to
 * accounts. What a map of a user takes is charged piece by piece, when it is
 * allocated, and uncharged when it has been freed (struct gomap_payer): what
 * waits for the end of a grace period is still charged. So no user takes more
 * than the limit by replacing and dropping things faster than RCU frees them.
 */

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/gomap.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>

#include "internal.h"

/* Room for a few hundred pipes' worth of rings, and as many as fds. */
static unsigned long max_user_bytes = 64UL << 20;
module_param(max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "bytes that the objects of one user may take");

static unsigned int max_user_objects = 4096;
module_param(max_user_objects, uint, 0644);
MODULE_PARM_DESC(max_user_objects, "objects that one user may have");

/*
 * How often a command at the limit waits for memory that is about to be freed.
 * Each wait is a grace period; after so many, others have taken it all.
 */
#define GOCHAN_FREE_TRIES	4

/**
 * struct gochan_account - what one user has
 * @uid: the user
 * @objects: objects charged; protected by the table's lock
 * @bytes: bytes charged; becomes 0 under the table's lock only
 * @payer: charges the memory of maps
 *
 * Each object is charged some bytes, so an account with @bytes of 0 is unused.
 */
struct gochan_account {
	kuid_t uid;
	unsigned int objects;
	atomic_long_t bytes;
	struct gomap_payer payer;
};

DEFINE_GOMAP(gochan_account, kuid_t, struct gochan_account *, 0);

static struct gochan_account_map gochan_accounts;
static DEFINE_SPINLOCK(gochan_accounts_lock);

/* Would @bytes more be too much, if @less of what is charged were not? */
static bool gochan_over_bytes(const struct gochan_account *acct, size_t bytes,
			      unsigned long less)
{
	unsigned long limit = READ_ONCE(max_user_bytes);
	unsigned long has = atomic_long_read(&acct->bytes);

	has -= min(has, less);
	return has > limit || bytes > limit - has;
}

/*
 * Charge what fits. Return 0, -EDQUOT, or -EAGAIN if it fits when all has been
 * freed that is about to be; that is asked first, as it may be freed meanwhile.
 */
static int gochan_add_bytes(struct gochan_account *acct, size_t bytes)
{
	unsigned long waiting = atomic_long_read(&acct->payer.waiting);
	unsigned long limit = READ_ONCE(max_user_bytes);
	long old = atomic_long_read(&acct->bytes);

	do {
		if ((unsigned long)old > limit || bytes > limit - old)
			return gochan_over_bytes(acct, bytes, waiting) ?
			       -EDQUOT : -EAGAIN;
	} while (!atomic_long_try_cmpxchg(&acct->bytes, &old, old + bytes));
	return 0;
}

/* Take off @bytes. An account without any goes. */
static void __gochan_sub_bytes(struct gochan_account *acct, size_t bytes)
{
	lockdep_assert_held(&gochan_accounts_lock);

	if (!atomic_long_sub_and_test(bytes, &acct->bytes))
		return;
	gochan_account_delete(&gochan_accounts, acct->uid);
	kfree(acct);
}

/*
 * May the current task exceed the limits? Without an audit record: a user at the
 * limit asks with each command, and most of them succeed after a wait.
 */
static bool gochan_is_exempt(void)
{
	return in_task() && ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

static int gochan_payer_charge(struct gomap_payer *payer, size_t bytes,
			       gfp_t gfp)
{
	struct gochan_account *acct =
		container_of(payer, struct gochan_account, payer);
	int err = gochan_add_bytes(acct, bytes);
	unsigned int tries;

	if (!err)
		return 0;
	if (!(gfp & __GFP_ACCOUNT) || gfp & __GFP_NOFAIL ||
	    gochan_is_exempt()) {
		atomic_long_add(bytes, &acct->bytes);
		return 0;
	}
	/* Other tasks of the user may take what has been freed. */
	for (tries = GOCHAN_FREE_TRIES;
	     tries && err == -EAGAIN && gfpflags_allow_blocking(gfp) &&
	     !fatal_signal_pending(current); tries--) {
		gomap_free_barrier();
		err = gochan_add_bytes(acct, bytes);
	}
	return err ? -EDQUOT : 0;
}

static void gochan_payer_uncharge(struct gomap_payer *payer, size_t bytes)
{
	struct gochan_account *acct =
		container_of(payer, struct gochan_account, payer);
	long old = atomic_long_read(&acct->bytes);
	unsigned long flags;

	/* Without the lock, unless nothing would be left. */
	while ((size_t)old != bytes)
		if (atomic_long_try_cmpxchg(&acct->bytes, &old, old - bytes))
			return;
	spin_lock_irqsave(&gochan_accounts_lock, flags);
	__gochan_sub_bytes(acct, bytes);
	spin_unlock_irqrestore(&gochan_accounts_lock, flags);
}

/**
 * gochan_payer - what the memory of a map is charged to
 * @acct: the account of its user
 *
 * An operation whose flags have __GFP_ACCOUNT is refused what exceeds the
 * limit, with -EDQUOT, unless the current task has the capability; or it sleeps
 * until enough of what the user gave up is freed. Other operations are charged
 * whatever they need.
 *
 * Context: Any context. The account has an object.
 * Return: the payer.
 */
struct gomap_payer *gochan_payer(struct gochan_account *acct)
{
	return &acct->payer;
}

/**
 * gochan_wait_overdraft - before a user at the limit gets memory for a moment
 * @acct: the account
 *
 * Sleeps if more than a sixteenth of the limit waits for a grace period: what
 * is replaced there is charged together with what replaces it until then.
 *
 * Context: Process context. May sleep.
 */
void gochan_wait_overdraft(struct gochan_account *acct)
{
	unsigned long limit = READ_ONCE(max_user_bytes);

	if (atomic_long_read(&acct->payer.waiting) > limit / 16)
		gomap_free_barrier();
}

/* The account of a user; if there is none it becomes @fresh. */
static struct gochan_account *__gochan_get_account(kuid_t uid,
						   struct gochan_account *fresh)
{
	struct gochan_account *acct;
	int err;

	if (gochan_account_get(&gochan_accounts, uid, &acct))
		return acct;
	err = gochan_account_put(&gochan_accounts, uid, fresh, GOMAP_NEW,
				 GFP_ATOMIC);
	return err ? ERR_PTR(err) : fresh;
}

/* Return 0, -EDQUOT, or -EAGAIN if it is worth waiting. */
static int __gochan_add_object(struct gochan_account *acct, size_t bytes,
			       bool force)
{
	int err = 0;

	if (force)
		atomic_long_add(bytes, &acct->bytes);
	else if (acct->objects >= READ_ONCE(max_user_objects))
		err = -EDQUOT;
	else
		err = gochan_add_bytes(acct, bytes);
	acct->objects += !err;
	return err;
}

/* The same for a user's account, which may become @fresh. */
static struct gochan_account *
gochan_charge_object(struct gochan_account *fresh, size_t bytes, bool force)
{
	struct gochan_account *acct;
	unsigned long flags;
	int err;

	spin_lock_irqsave(&gochan_accounts_lock, flags);
	acct = __gochan_get_account(fresh->uid, fresh);
	if (!IS_ERR(acct)) {
		err = __gochan_add_object(acct, bytes, force);
		if (err && acct == fresh)
			gochan_account_delete(&gochan_accounts, fresh->uid);
		if (err)
			acct = ERR_PTR(err);
	}
	spin_unlock_irqrestore(&gochan_accounts_lock, flags);
	return acct;
}

static bool gochan_is_refused(const struct gochan_account *acct)
{
	return acct == ERR_PTR(-EDQUOT) || acct == ERR_PTR(-EAGAIN);
}

/**
 * gochan_charge - charge an object to the current user
 * @bytes: memory it takes, not 0
 *
 * Context: Process context. May sleep.
 * Return: the account, for gochan_uncharge(), or ERR_PTR(-EDQUOT) if the user
 * has reached a limit, or ERR_PTR(-ENOMEM).
 */
struct gochan_account *gochan_charge(size_t bytes)
{
	struct gochan_account *acct, *fresh;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = current_uid();
	fresh->payer.charge = gochan_payer_charge;
	fresh->payer.uncharge = gochan_payer_uncharge;

	acct = gochan_charge_object(fresh, bytes, false);
	if (gochan_is_refused(acct) && gochan_is_exempt())
		acct = gochan_charge_object(fresh, bytes, true);
	if (acct == ERR_PTR(-EAGAIN)) {
		gomap_free_barrier();
		acct = gochan_charge_object(fresh, bytes, false);
	}
	if (acct != fresh)
		kfree(fresh);
	return gochan_is_refused(acct) ? ERR_PTR(-EDQUOT) : acct;
}

/**
 * gochan_uncharge - take back the charge of an object
 * @acct: the account that was charged
 * @bytes: what was charged
 *
 * Context: Process context.
 */
void gochan_uncharge(struct gochan_account *acct, size_t bytes)
{
	unsigned long flags;

	spin_lock_irqsave(&gochan_accounts_lock, flags);
	acct->objects--;
	__gochan_sub_bytes(acct, bytes);
	spin_unlock_irqrestore(&gochan_accounts_lock, flags);
}

/**
 * gochan_quota_init - make the table of accounts
 *
 * Context: Process context, before there is an object.
 * Return: 0 or -errno.
 */
int __init gochan_quota_init(void)
{
	return gochan_account_init(&gochan_accounts, 0, GFP_KERNEL);
}

/**
 * gochan_quota_exit - free the table of accounts
 *
 * Context: Process context, after the last object has gone.
 */
void gochan_quota_exit(void)
{
	gochan_account_destroy(&gochan_accounts);
}
