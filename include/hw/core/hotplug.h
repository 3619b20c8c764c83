/* SPDX-License-Identifier: MIT */
/*
 * Adding and removing devices, by the command line and by the monitor while the guest runs.
 *
 * Removal has three steps: device_del() asks the bus, whose controller asks the guest; when the
 * guest has let go the bus takes the device off the air and calls device_unplug_finish(); the main
 * loop parks the vCPUs, frees the device and tells the notifiers. Until then its id is in use.
 * Device lock held everywhere.
 */
#ifndef HW_CORE_HOTPLUG_H
#define HW_CORE_HOTPLUG_H

#include "hw/core/device.h"
#include "hw/core/notifier.h"
#include "util/optlist.h"

/*
 * "driver", "id", "bus" and the properties of the driver. Before device_hotplug_begin() devices
 * are part of the machine as it starts, afterwards they are hot-plugged, which both the class and
 * the bus must allow. 0, or -errno with err set and nothing changed.
 */
int device_add(const struct opt_list *opts, struct error **err);
int device_add_text(const char *text, struct error **err);

/* The machine is complete. */
void device_hotplug_begin(void);

/* May this bus take or lose a device now? */
bool bus_hotpluggable(const struct bus *bus);

/* Ask for removal. -ENOENT: no device of that id; -EBUSY: it stays. */
int device_del(const char *id, struct error **err);

/* data: struct device_deleted *, valid during the call; one call for each device that was on a
 * bus of the removed one, and last for the device itself. Main thread. */
struct device_deleted { /* or refused */
    const char *id; /* NULL: had none */
    const char *path;
};
void device_add_deleted_notifier(struct notifier *n);
void device_remove_deleted_notifier(struct notifier *n);

/* The same for a device the guest has been asked for and does not let go of. Any thread. */
void device_add_refused_notifier(struct notifier *n);
void device_remove_refused_notifier(struct notifier *n);

/* --- for buses ------------------------------------------------------------ */

/* The guest has let go of it: free it soon. Any thread; twice is fine. */
void device_unplug_finish(struct device *dev);

/* The guest will not let go of it; nothing if it was not asked. Any thread. */
void device_unplug_refused(struct device *dev);

#endif
