// SPDX-License-Identifier: MIT

// Drives doppel by a QMP client made for QEMU: github.com/digitalocean/go-qemu, as Debian has it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/digitalocean/go-qemu/qemu"
	"github.com/digitalocean/go-qemu/qmp"
)

func check(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

func demand(what string, ok bool) {
	if !ok {
		fmt.Println("FAILED:", what)
		os.Exit(1)
	}
}

func run(dom *qemu.Domain, name string, args map[string]interface{}) map[string]interface{} {
	command := qmp.Command{Execute: name}
	if args != nil {
		command.Args = args
	}
	raw, err := dom.Run(command)
	check(name, err)
	var reply map[string]interface{}
	check(name, json.Unmarshal(raw, &reply))
	return reply
}

func wait(events chan qmp.Event, name string) qmp.Event {
	limit := time.After(60 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Event == name {
				return e
			}
		case <-limit:
			demand("no event "+name, false)
		}
	}
}

func main() {
	mon, err := qmp.NewSocketMonitor("unix", os.Args[1], 10*time.Second)
	check("connect", err)
	check("negotiate", mon.Connect())
	dom, err := qemu.NewDomain(mon, "doppel")
	check("domain", err)
	stream, done, err := dom.Events()
	check("events", err)
	events := make(chan qmp.Event, 1000) // the library waits until somebody takes an event
	go func() {
		for e := range stream {
			events <- e
		}
	}()

	// power
	status, err := dom.Status()
	check("status", err)
	demand("running", status == qemu.StatusRunning)
	run(dom, "stop", nil)
	wait(events, "STOP")
	status, err = dom.Status()
	check("status", err)
	demand("paused", status == qemu.StatusPaused)
	run(dom, "cont", nil)
	wait(events, "RESUME")
	check("reset", dom.SystemReset())
	demand("reason", wait(events, "RESET").Data["reason"] == "host-qmp-system-reset")
	check("powerdown", dom.SystemPowerdown())
	wait(events, "POWERDOWN")

	// what there is
	commands, err := dom.Commands()
	check("commands", err)
	demand("commands", len(commands) > 60)
	version, err := dom.Version()
	check("version", err)
	cpus, err := dom.CPUs()
	if err == nil { // by query-cpus, which newer QEMUs do not have either
		demand("cpus", len(cpus) == 2)
	}
	pci, err := dom.PCIDevices()
	check("pci", err)
	demand("pci", len(pci) >= 4)

	// block
	drives, err := dom.BlockDevices()
	check("block", err)
	demand("block", len(drives) == 1)
	_, err = dom.BlockStats()
	check("blockstats", err)
	cd := drives[0].Device
	run(dom, "blockdev-change-medium", map[string]interface{}{"device": cd, "filename": os.Args[2]})
	wait(events, "DEVICE_TRAY_MOVED")
	run(dom, "eject", map[string]interface{}{"device": cd, "force": true})
	wait(events, "DEVICE_TRAY_MOVED")

	// character devices
	backend := map[string]interface{}{"type": "ringbuf", "data": map[string]interface{}{"size": 4096}}
	run(dom, "chardev-add", map[string]interface{}{"id": "ring", "backend": backend})
	run(dom, "ringbuf-write", map[string]interface{}{"device": "ring", "data": "hello"})
	reply := run(dom, "ringbuf-read", map[string]interface{}{"device": "ring", "size": 10})
	demand("ringbuf", reply["return"] == "hello")
	run(dom, "chardev-remove", map[string]interface{}{"id": "ring"})

	// devices
	run(dom, "device_add", map[string]interface{}{"driver": "virtio-rng-pci", "id": "rng9"})
	more, err := dom.PCIDevices()
	check("pci", err)
	demand("one more device", len(more) == len(pci)+1)
	_, err = dom.Run(qmp.Command{Execute: "device_del", Args: map[string]interface{}{"id": "nosuch"}})
	demand("an error is an error", err != nil)

	run(dom, "quit", nil)
	wait(events, "SHUTDOWN")
	done <- struct{}{}
	fmt.Printf("go-qemu drove it: version %s, %d commands, %d PCI devices\n", version, len(commands), len(pci))
}
