/* SPDX-License-Identifier: MIT */
/*
 * Virtio memory balloon (VIRTIO 1.2, 5.5): pages the guest puts into the balloon, or reports as
 * free, go back to the host and read as zero when they are touched again. Statistics on request.
 *
 * Not modelled: free page hinting, which is for migration.
 */
#include "hw/virtio/balloon.h"

#include "hw/core/clock.h"
#include "hw/core/vmstate.h"
#include "hw/virtio/virtio_pci.h"
#include "util/error.h"
#include "util/trace.h"

#include <errno.h>
#include <inttypes.h>

#define F_STATS_VQ       BIT(1)
#define F_DEFLATE_ON_OOM BIT(2)
#define F_PAGE_POISON    BIT(4)
#define F_REPORTING      BIT(5)

/* Configuration space (5.5.4) */
#define CONFIG_NUM_PAGES 0
#define CONFIG_ACTUAL    4
#define CONFIG_POISON    12
#define CONFIG_SIZE      16

#define BALLOON_PAGE_BITS 12
#define QUEUE_SIZE        128
#define REPORT_QUEUE_SIZE 32
#define STAT_SIZE         10      /* u16 tag, u64 value */
#define INFLATE_MAX       KIB(16) /* of page numbers in a buffer */

struct virtio_balloon {
    struct virtio_device dev;
    struct virtqueue *inflate, *deflate, *stats_vq, *report;
    struct timer poll;
    bool deflate_on_oom, reporting;
    uint32_t polling; /* seconds, 0: none */

    uint32_t target_pages, actual_pages; /* in the balloon */
    uint32_t poison;                     /* what the guest fills free pages with */
    bool stats_asked;                    /* the buffer in the ring is the answer to come */
    struct balloon_stats stats;
};

struct virtio_balloon_pci {
    struct virtio_pci proxy;
    struct virtio_balloon balloon;
};

static struct virtio_balloon *the_balloon;
static struct notifier_list change_notifiers = NOTIFIER_LIST_INIT(change_notifiers);

#define STAT_NAME(name, number) [number] = name,
const char *const balloon_stat_names[BALLOON_STAT_COUNT] = {BALLOON_STATS(STAT_NAME)};

static struct virtio_balloon *balloon_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_balloon, dev);
}

/* --- giving memory back ------------------------------------------------------------------------- */

/* A run of pages, collected while they are neighbours in the host's memory. */
struct run {
    ram_addr_t addr;
    uint64_t len;
};

static void run_end(struct run *run)
{
    if (run->len) {
        TRACE(balloon_discard, "ram %#" PRIx64 " length %#" PRIx64, (uint64_t)run->addr, run->len);
        ram_discard(run->addr, run->len);
    }
    run->len = 0;
}

static void run_add(struct run *run, ram_addr_t addr)
{
    if (run->len && addr == run->addr + run->len) {
        run->len += RAM_PAGE_SIZE;
    } else if (run->len && addr + RAM_PAGE_SIZE == run->addr) {
        run->addr = addr;
        run->len += RAM_PAGE_SIZE;
    } else {
        run_end(run);
        *run = (struct run){addr, RAM_PAGE_SIZE};
    }
}

/* Whole pages of RAM only: no ROM, no holes, no registers. */
static bool page_of_ram(const struct virtio_balloon *s, uint64_t gpa, ram_addr_t *addr)
{
    struct mem_section section;

    if (!mem_lookup(s->dev.as, (gpa_t)gpa, &section) || section.mr->kind != MEM_RAM ||
        !(section.flags & MEM_SEC_WRITE_HOST) || section.len < RAM_PAGE_SIZE ||
        !IS_ALIGNED(section.ram, RAM_PAGE_SIZE)) {
        return false;
    }
    *addr = section.ram;
    return true;
}

/* Drivers send some hundred pages at a time; what would take long is ignored. */
static void inflate_elem(struct virtio_balloon *s, const struct virtq_elem *elem)
{
    struct run run = {0, 0};
    uint8_t raw[256 * 4];
    uint64_t off = 0;
    ram_addr_t addr;
    size_t len;

    while (off < INFLATE_MAX && (len = virtq_elem_read(elem, off, raw, sizeof(raw))) >= 4) {
        for (size_t i = 0; i + 4 <= len; i += 4) {
            if (page_of_ram(s, (uint64_t)ld_le32(raw + i) << BALLOON_PAGE_BITS, &addr)) {
                run_add(&run, addr);
            }
        }
        off += len;
    }
    run_end(&run);
}

static void inflate_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtq_elem *elem;

    while ((elem = virtqueue_pop(vq))) {
        inflate_elem(balloon_of(dev), elem);
        virtqueue_push(vq, elem, 0);
    }
    virtqueue_notify(vq);
}

/* Pages come back by being touched. */
static void deflate_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtq_elem *elem;

    while ((elem = virtqueue_pop(vq))) {
        virtqueue_push(vq, elem, 0);
    }
    virtqueue_notify(vq);
}

/* 5.5.6.7: the pages are the buffers. Pages the guest wants to find poisoned have to stay. */
static void report_elem(struct virtio_balloon *s, const struct virtq_elem *elem)
{
    bool keep = virtio_has(&s->dev, F_PAGE_POISON) && s->poison;

    for (unsigned i = 0; i < elem->in_num && !keep; i++) {
        uint8_t *start = elem->in[i].iov_base;
        ram_addr_t first = ALIGN_UP((ram_addr_t)(start - ram_base()), RAM_PAGE_SIZE);
        ram_addr_t end =
            ALIGN_DOWN((ram_addr_t)(start - ram_base()) + elem->in[i].iov_len, RAM_PAGE_SIZE);
        if (end > first) {
            TRACE(balloon_report, "ram %#" PRIx64 " length %#" PRIx64, (uint64_t)first,
                  (uint64_t)(end - first));
            ram_discard(first, end - first);
        }
    }
}

static void report_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtq_elem *elem;

    while ((elem = virtqueue_pop(vq))) {
        report_elem(balloon_of(dev), elem);
        virtqueue_push(vq, elem, 0);
    }
    virtqueue_notify(vq);
}

/* --- statistics --------------------------------------------------------------------------------- */

static void forget_stats(struct virtio_balloon *s)
{
    memset(s->stats.values, 0xff, sizeof(s->stats.values));
    s->stats.last_update = 0;
    s->stats_asked = false;
}

static void read_stats(struct virtio_balloon *s, const struct virtq_elem *elem)
{
    uint8_t raw[STAT_SIZE];

    for (unsigned i = 0; i < 2 * BALLOON_STAT_COUNT; i++) {
        if (virtq_elem_read(elem, (uint64_t)i * STAT_SIZE, raw, STAT_SIZE) < STAT_SIZE) {
            break;
        }
        if (ld_le16(raw) < BALLOON_STAT_COUNT) {
            s->stats.values[ld_le16(raw)] = ld_le64(raw + 2);
        }
    }
    s->stats.last_update = clock_now(CLK_HOST) / NS_PER_SEC;
}

/* The guest's answer; the buffer stays in the ring until the next question. */
static void stats_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtio_balloon *s = balloon_of(dev);
    struct virtq_elem *elem = virtqueue_pop(vq);

    if (elem) {
        read_stats(s, elem);
        virtqueue_unpop(vq, elem);
        s->stats_asked = false;
    }
}

/* Giving the buffer back asks for it filled anew. */
static void ask_for_stats(struct virtio_balloon *s)
{
    struct virtq_elem *elem = s->stats_asked ? NULL : virtqueue_pop(s->stats_vq);

    if (elem) {
        virtqueue_push(s->stats_vq, elem, 0);
        s->stats_asked = true;
        virtqueue_notify(s->stats_vq);
    }
}

static void arm_polling(struct virtio_balloon *s)
{
    if (s->polling) {
        timer_arm(&s->poll, clock_now(CLK_VIRTUAL) + s->polling * NS_PER_SEC);
    } else {
        timer_cancel(&s->poll);
    }
}

static void poll(void *opaque)
{
    struct virtio_balloon *s = opaque;

    ask_for_stats(s);
    arm_polling(s);
}

/* --- the device --------------------------------------------------------------------------------- */

static void get_config(struct virtio_device *dev, uint8_t *buf)
{
    const struct virtio_balloon *s = balloon_of(dev);

    st_le32(buf + CONFIG_NUM_PAGES, s->target_pages);
    st_le32(buf + CONFIG_ACTUAL, s->actual_pages);
    st_le32(buf + CONFIG_POISON, s->poison);
}

static uint64_t bytes_now(const struct virtio_balloon *s)
{
    uint64_t all = ram_guest_size();

    return all - MIN(all, (uint64_t)s->actual_pages << BALLOON_PAGE_BITS);
}

static void set_config(struct virtio_device *dev, const uint8_t *buf)
{
    struct virtio_balloon *s = balloon_of(dev);
    uint32_t actual = ld_le32(buf + CONFIG_ACTUAL);

    s->poison = virtio_has(dev, F_PAGE_POISON) ? ld_le32(buf + CONFIG_POISON) : 0;
    if (actual != s->actual_pages) {
        s->actual_pages = actual;
        uint64_t now = bytes_now(s);
        notifier_notify(&change_notifiers, &now);
    }
}

static void stop(struct virtio_device *dev)
{
    struct virtio_balloon *s = balloon_of(dev);

    s->poison = 0;
    forget_stats(s);
}

static const struct virtio_ops balloon_ops = {.name = "virtio-balloon",
                                              .id = VIRTIO_ID_BALLOON,
                                              .config_size = CONFIG_SIZE,
                                              .in_order = true,
                                              .get_config = get_config,
                                              .set_config = set_config,
                                              .stop = stop};

/* --- for the monitor ---------------------------------------------------------------------------- */

static int need_balloon(struct error **err)
{
    if (!the_balloon) {
        error_set(err, "there is no balloon; device virtio-balloon-pci is one");
        return -ENODEV;
    }
    return 0;
}

int balloon_set_target(uint64_t bytes, struct error **err)
{
    int ret = need_balloon(err);
    uint64_t all = ram_guest_size();

    if (ret < 0) {
        return ret;
    }
    if (!bytes) {
        error_set(err, "the guest cannot do without memory");
        return -EINVAL;
    }
    the_balloon->target_pages = (uint32_t)((all - MIN(bytes, all)) >> BALLOON_PAGE_BITS);
    virtio_config_changed(&the_balloon->dev);
    return 0;
}

int balloon_query(uint64_t *bytes, struct error **err)
{
    int ret = need_balloon(err);

    if (ret == 0) {
        *bytes = bytes_now(the_balloon);
    }
    return ret;
}

int balloon_get_stats(struct balloon_stats *stats, struct error **err)
{
    int ret = need_balloon(err);

    if (ret == 0) {
        *stats = the_balloon->stats;
    }
    return ret;
}

int balloon_set_polling(uint32_t seconds, struct error **err)
{
    if (!the_balloon) {
        return need_balloon(err);
    }
    the_balloon->polling = seconds;
    arm_polling(the_balloon);
    return 0;
}

uint32_t balloon_polling(void)
{
    return the_balloon ? the_balloon->polling : 0;
}

void balloon_add_change_notifier(struct notifier *n)
{
    notifier_add(&change_notifiers, n);
}

void balloon_remove_change_notifier(struct notifier *n)
{
    notifier_remove(&change_notifiers, n);
}

/* --- life --------------------------------------------------------------------------------------- */

/* Drivers count queues that are there, so reporting follows the statistics directly. */
static void make_queues(struct virtio_balloon *s)
{
    s->inflate = virtio_add_queue(&s->dev, QUEUE_SIZE, inflate_kicked);
    s->deflate = virtio_add_queue(&s->dev, QUEUE_SIZE, deflate_kicked);
    s->stats_vq = virtio_add_queue(&s->dev, QUEUE_SIZE, stats_kicked);
    if (s->reporting) {
        s->report = virtio_add_queue(&s->dev, REPORT_QUEUE_SIZE, report_kicked);
    }
}

static int balloon_realize(struct device *device, struct error **err)
{
    struct virtio_balloon_pci *p = container_of(device, struct virtio_balloon_pci, proxy.pci.dev);
    struct virtio_balloon *s = &p->balloon;

    if (the_balloon) {
        error_set(err, "there is a balloon already");
        return -EBUSY;
    }
    virtio_init(&s->dev, &balloon_ops,
                F_STATS_VQ | (s->deflate_on_oom ? F_DEFLATE_ON_OOM : 0) |
                    (s->reporting ? F_REPORTING | F_PAGE_POISON : 0));
    make_queues(s);
    int ret = virtio_pci_realize(&p->proxy, &s->dev, err);
    if (ret < 0) {
        return ret;
    }
    timer_init(&s->poll, CLK_VIRTUAL, poll, s);
    forget_stats(s);
    the_balloon = s;
    return 0;
}

static void balloon_unrealize(struct device *device)
{
    struct virtio_balloon_pci *p = container_of(device, struct virtio_balloon_pci, proxy.pci.dev);

    the_balloon = NULL;
    virtio_fini(&p->balloon.dev);
    timer_fini(&p->balloon.poll);
    virtio_pci_unrealize(&p->proxy);
}

static void balloon_reset(struct device *device, enum reset_kind kind)
{
    struct virtio_balloon_pci *p = container_of(device, struct virtio_balloon_pci, proxy.pci.dev);

    virtio_reset(&p->balloon.dev);
    virtio_pci_reset(&p->proxy);
    p->balloon.actual_pages = 0; /* the target is the user's and stays */
    arm_polling(&p->balloon);
}

static const struct prop balloon_props[] = {
    PROP_BOOL("deflate-on-oom", struct virtio_balloon_pci, balloon.deflate_on_oom, false,
              "let the guest take memory back when it has no other"),
    PROP_BOOL("free-page-reporting", struct virtio_balloon_pci, balloon.reporting, false,
              "take memory the guest says is free"),
    PROP_U32("guest-stats-polling-interval", struct virtio_balloon_pci, balloon.polling, 0, 0,
             UINT32_MAX, "seconds between questions for statistics, 0: none"),
    VIRTIO_PCI_PROPS(struct virtio_balloon_pci),
    PROP_END,
};

static const struct vmstate balloon_vmstate = {
    .name = "virtio-balloon",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_balloon_pci, proxy, &virtio_pci_vmstate),
            VM_U32(struct virtio_balloon_pci, balloon.target_pages),
            VM_U32(struct virtio_balloon_pci, balloon.actual_pages),
            VM_U32(struct virtio_balloon_pci, balloon.poison),
            VM_BOOL(struct virtio_balloon_pci, balloon.stats_asked),
            VM_TIMER(struct virtio_balloon_pci, balloon.poll),
            VM_STRUCT(struct virtio_balloon_pci, balloon.dev, &virtio_vmstate),
            VM_END,
        },
};

static const struct pci_info balloon_pci = VIRTIO_PCI_INFO(PCI_CLASS_OTHERS);

VIRTIO_PCI_DEFINE(virtio_balloon_pci, "virtio-balloon", "gives unused guest memory to the host",
                  .pci = &balloon_pci, .state_size = sizeof(struct virtio_balloon_pci),
                  .props = balloon_props, .vmstate = &balloon_vmstate, .realize = balloon_realize,
                  .unrealize = balloon_unrealize, .reset = balloon_reset);
