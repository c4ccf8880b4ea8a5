// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each user may make the kernel keep: a number of objects and of bytes,
 * on top of what the memory cgroup says. The user is the real uid of the
 * process that makes an object; CAP_SYS_RESOURCE is counted but not limited.
 * A user who owns many uids, as user namespaces give out, has as many accounts;
 * the memory cgroup is what holds then.
 *
 * What a map of a user takes is charged piece by piece, before it is allocated,
 * and uncharged when it has been freed (struct gomap_payer): what waits for the
 * end of a grace period, retired bytes, is still charged. So no user takes more
 * than the limit by replacing and dropping things faster than RCU frees them. A
 * charge that would fit without the retired bytes waits for them.
 *
 * Overwriting takes nothing in the end, but an allocation at first. At the limit
 * it is an overdraft: one task of each user at a time, so that the account is
 * over the limit by one value, and for what it retires.
 *
 * Locks: gochan_accounts_lock protects the map from users to accounts, and
 * gochan_account.lock, which is taken inside, the numbers of one account. Maps
 * retire bytes under their own locks: gochan_account.lock is taken inside these,
 * too, and no map is touched under it.
 *
 * Lifetime: an account is in the map while something is charged to it. RCU frees
 * it, as who has uncharged the last byte still wakes waiters then.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/gomap.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>

#include "internal.h"

/* Room for a few hundred pipes' worth of rings, and as many as fds. */
static unsigned long max_user_bytes = 64UL << 20;
module_param(max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "bytes that the objects of one user may take");

static unsigned int max_user_objects = 4096;
module_param(max_user_objects, uint, 0644);
MODULE_PARM_DESC(max_user_objects, "objects that one user may have");

/*
 * How often a new object waits for memory that is about to be freed. Each wait
 * is a grace period; after so many, others have taken it all.
 */
#define GOCHAN_FREE_TRIES	4

/**
 * struct gochan_account - what one user has
 * @uid: the user
 * @lock: protects the numbers
 * @objects: objects charged
 * @bytes: bytes charged; each object is charged some
 * @retired: those of them that wait for a grace period
 * @overdrawn: a task has more for a moment
 * @over: how much was charged to the account beyond the limit meanwhile
 * @dead: not in the map any more
 * @payer: charges the memory of maps
 * @room: who waits until bytes are freed, or the overdraft is over. All waiters
 *	are exclusive, so that waking takes a bounded time; who has waited wakes
 *	the next one.
 * @rcu: frees the account
 */
struct gochan_account {
	kuid_t uid;
	spinlock_t lock;	/* protects what follows, up to @dead */
	unsigned int objects;
	size_t bytes;
	size_t retired;
	size_t over;
	bool overdrawn;
	bool dead;
	struct gomap_payer payer;
	struct wait_queue_head room;
	struct rcu_head rcu;
};

DEFINE_GOMAP(gochan_account, kuid_t, struct gochan_account *, 0);

static struct gochan_account_map gochan_accounts;
static DEFINE_SPINLOCK(gochan_accounts_lock);

/*
 * Charge what fits. Return 0, -EDQUOT, or -EAGAIN if it may fit when all has been
 * freed that is about to be.
 */
static int __gochan_add_bytes(struct gochan_account *acct, size_t bytes)
{
	unsigned long limit = READ_ONCE(max_user_bytes);
	size_t stays = acct->bytes - min(acct->bytes, acct->retired + acct->over);

	lockdep_assert_held(&acct->lock);

	if (acct->bytes <= limit && bytes <= limit - acct->bytes) {
		acct->bytes += bytes;
		return 0;
	}
	return stays <= limit && bytes <= limit - stays ? -EAGAIN : -EDQUOT;
}

static int gochan_add_bytes(struct gochan_account *acct, size_t bytes)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&acct->lock, flags);
	err = __gochan_add_bytes(acct, bytes);
	spin_unlock_irqrestore(&acct->lock, flags);
	return err;
}

/* An account to which nothing is charged any more goes, if that is still so. */
static void gochan_account_retire(struct gochan_account *acct)
{
	unsigned long flags;
	bool dies;

	spin_lock_irqsave(&gochan_accounts_lock, flags);
	spin_lock(&acct->lock);
	dies = !acct->bytes && !acct->dead;
	acct->dead |= dies;
	spin_unlock(&acct->lock);
	if (dies) {
		gochan_account_delete(&gochan_accounts, acct->uid);
		kfree_rcu(acct, rcu);
	}
	spin_unlock_irqrestore(&gochan_accounts_lock, flags);
}

static void gochan_sub_bytes(struct gochan_account *acct, size_t bytes,
			     size_t retired, unsigned int objects)
{
	unsigned long flags;
	bool last;

	rcu_read_lock();
	spin_lock_irqsave(&acct->lock, flags);
	acct->bytes -= bytes;
	acct->retired -= retired;
	acct->objects -= objects;
	last = !acct->bytes;
	spin_unlock_irqrestore(&acct->lock, flags);
	if (wq_has_sleeper(&acct->room))
		wake_up(&acct->room);
	if (last)
		gochan_account_retire(acct);
	rcu_read_unlock();
}

/*
 * May the current task exceed the limits? Without an audit record: a user at the
 * limit asks with each command, and most of them succeed after a wait.
 */
static bool gochan_is_exempt(void)
{
	return in_task() && ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

/*
 * Wait until @bytes fit, or until it is known that they will not. Others of the
 * user may take what is freed: then there is more to wait for, or nothing.
 */
static int gochan_wait_bytes(struct gochan_account *acct, size_t bytes)
{
	int err = -EAGAIN;

	/* If the task is killed, @err is what it was told last. */
	(void)wait_event_killable_exclusive(acct->room,
		(err = gochan_add_bytes(acct, bytes)) != -EAGAIN);
	wake_up(&acct->room);
	return err == -EAGAIN ? -EINTR : err;
}

static int gochan_payer_charge(struct gomap_payer *payer, size_t bytes,
			       gfp_t gfp)
{
	struct gochan_account *acct =
		container_of(payer, struct gochan_account, payer);
	int err = gochan_add_bytes(acct, bytes);
	unsigned long flags;

	if (!err)
		return 0;
	if (!(gfp & __GFP_ACCOUNT) || gfp & __GFP_NOFAIL ||
	    gochan_is_exempt()) {
		spin_lock_irqsave(&acct->lock, flags);
		acct->bytes += bytes;
		if (acct->overdrawn)
			acct->over += bytes;
		spin_unlock_irqrestore(&acct->lock, flags);
		return 0;
	}
	if (err == -EDQUOT || !gfpflags_allow_blocking(gfp))
		return -EDQUOT;
	return gochan_wait_bytes(acct, bytes);
}

static void gochan_payer_retire(struct gomap_payer *payer, size_t bytes)
{
	struct gochan_account *acct =
		container_of(payer, struct gochan_account, payer);
	unsigned long flags;

	spin_lock_irqsave(&acct->lock, flags);
	acct->retired += bytes;
	spin_unlock_irqrestore(&acct->lock, flags);
}

static void gochan_payer_uncharge(struct gomap_payer *payer, size_t bytes,
				  bool retired)
{
	struct gochan_account *acct =
		container_of(payer, struct gochan_account, payer);

	gochan_sub_bytes(acct, bytes, retired ? bytes : 0, 0);
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

static bool gochan_try_overdraft(struct gochan_account *acct)
{
	unsigned long flags;
	bool may;

	spin_lock_irqsave(&acct->lock, flags);
	may = !acct->overdrawn &&
	      acct->retired <= READ_ONCE(max_user_bytes) / 16;
	acct->overdrawn |= may;
	spin_unlock_irqrestore(&acct->lock, flags);
	return may;
}

/**
 * gochan_overdraft_begin - let a user at the limit have memory for a moment
 * @acct: the account
 *
 * For an operation that allocates without __GFP_ACCOUNT, and retires as much.
 * Waits while another task does that, and while more than a sixteenth of the
 * limit waits for a grace period.
 *
 * Context: Process context. May sleep.
 * Return: 0, then gochan_overdraft_end() follows; or -EINTR if the task is being
 * killed.
 */
int gochan_overdraft_begin(struct gochan_account *acct)
{
	bool may = false;

	(void)wait_event_killable_exclusive(acct->room,
		(may = gochan_try_overdraft(acct)));
	wake_up(&acct->room);
	return may ? 0 : -EINTR;
}

/**
 * gochan_overdraft_end - the moment is over
 * @acct: the account
 *
 * Context: Process context.
 */
void gochan_overdraft_end(struct gochan_account *acct)
{
	unsigned long flags;

	spin_lock_irqsave(&acct->lock, flags);
	acct->overdrawn = false;
	acct->over = 0;
	spin_unlock_irqrestore(&acct->lock, flags);
	wake_up(&acct->room);
}

/* The account of a user; if there is none it becomes @fresh. */
static struct gochan_account *__gochan_get_account(struct gochan_account *fresh)
{
	struct gochan_account *acct;
	int err;

	lockdep_assert_held(&gochan_accounts_lock);

	if (gochan_account_get(&gochan_accounts, fresh->uid, &acct))
		return acct;
	err = gochan_account_put(&gochan_accounts, fresh->uid, fresh, GOMAP_NEW,
				 GFP_ATOMIC);
	return err ? ERR_PTR(err) : fresh;
}

/* Return 0, -EDQUOT, or -EAGAIN if it is worth waiting. */
static int __gochan_add_object(struct gochan_account *acct, size_t bytes,
			       bool force)
{
	int err = 0;

	lockdep_assert_held(&acct->lock);

	if (force)
		acct->bytes += bytes;
	else if (acct->objects >= READ_ONCE(max_user_objects))
		err = -EDQUOT;
	else
		err = __gochan_add_bytes(acct, bytes);
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
	acct = __gochan_get_account(fresh);
	if (!IS_ERR(acct)) {
		spin_lock(&acct->lock);
		err = __gochan_add_object(acct, bytes, force);
		spin_unlock(&acct->lock);
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
	unsigned int tries;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = current_uid();
	spin_lock_init(&fresh->lock);
	fresh->payer.charge = gochan_payer_charge;
	fresh->payer.retire = gochan_payer_retire;
	fresh->payer.uncharge = gochan_payer_uncharge;
	init_waitqueue_head(&fresh->room);

	acct = gochan_charge_object(fresh, bytes, false);
	if (gochan_is_refused(acct) && gochan_is_exempt())
		acct = gochan_charge_object(fresh, bytes, true);
	/* There may be no account to wait at. */
	for (tries = GOCHAN_FREE_TRIES; tries && acct == ERR_PTR(-EAGAIN) &&
	     !fatal_signal_pending(current); tries--) {
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
	gochan_sub_bytes(acct, bytes, 0, 1);
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
