/* SPDX-License-Identifier: MIT */
/*
 * Differentiated system description table of the `pc` machine (440FX, PIIX3, PIIX4 PM).
 * What differs from guest to guest (the PCI window, processors, what is fitted) is in the generated
 * SSDT: \PCIB, \PCIE (first and last address of the PCI memory window), \FITT (bit 0: HPET,
 * 1: COM1, 2: COM2, 3: LPT1, 4: keyboard controller).
 */
DefinitionBlock ("", "DSDT", 1, "DOPPEL", "DPLPC", 1)
{
    External (\PCIB, IntObj)
    External (\PCIE, IntObj)
    External (\FITT, IntObj)

    Name (\_S3, Package () { 1, 1, 0, 0 })
    Name (\_S4, Package () { 2, 2, 0, 0 })
    Name (\_S5, Package () { 0, 0, 0, 0 })

#define IFIT(bit) If (\FITT & bit) { Return (0x0f) } Return (0)

    Name (PICM, 0)
    Method (\_PIC, 1) { PICM = Arg0 }

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)

            Name (CRES, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                               0, 0, 0xff, 0, 0x100)
                IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                        0, 0, 0x0cf7, 0, 0x0cf8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                        0, 0x0d00, 0xffff, 0, 0xf300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                             0, 0x000a0000, 0x000bffff, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                             ReadWrite, 0, 0xe0000000, 0xfebfffff, 0, 0x1ec00000, , , PMEM)
            })

            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (CRES, \_SB.PCI0.PMEM._MIN, PMIN)
                CreateDWordField (CRES, \_SB.PCI0.PMEM._MAX, PMAX)
                CreateDWordField (CRES, \_SB.PCI0.PMEM._LEN, PLEN)
                PMIN = \PCIB
                PMAX = \PCIE
                PLEN = \PCIE - \PCIB + 1
                Return (CRES)
            }

            /* Slot n pin p is PIRQ (n + p - 1) mod 4; the ISA interrupts behind the PIRQs are the
               IO-APIC's pins of the same number, so both modes share the table. */
#define SLOT(n, a, b, c, d) \
                Package () { (n << 16) | 0xffff, 0, a, 0 }, \
                Package () { (n << 16) | 0xffff, 1, b, 0 }, \
                Package () { (n << 16) | 0xffff, 2, c, 0 }, \
                Package () { (n << 16) | 0xffff, 3, d, 0 }
#define SLOT0(n) SLOT (n, LNKD, LNKA, LNKB, LNKC)
#define SLOT1(n) SLOT (n, LNKA, LNKB, LNKC, LNKD)
#define SLOT2(n) SLOT (n, LNKB, LNKC, LNKD, LNKA)
#define SLOT3(n) SLOT (n, LNKC, LNKD, LNKA, LNKB)
            Name (_PRT, Package ()
            {
                SLOT0 (0x00), SLOT1 (0x01), SLOT2 (0x02), SLOT3 (0x03),
                SLOT0 (0x04), SLOT1 (0x05), SLOT2 (0x06), SLOT3 (0x07),
                SLOT0 (0x08), SLOT1 (0x09), SLOT2 (0x0a), SLOT3 (0x0b),
                SLOT0 (0x0c), SLOT1 (0x0d), SLOT2 (0x0e), SLOT3 (0x0f),
                SLOT0 (0x10), SLOT1 (0x11), SLOT2 (0x12), SLOT3 (0x13),
                SLOT0 (0x14), SLOT1 (0x15), SLOT2 (0x16), SLOT3 (0x17),
                SLOT0 (0x18), SLOT1 (0x19), SLOT2 (0x1a), SLOT3 (0x1b),
                SLOT0 (0x1c), SLOT1 (0x1d), SLOT2 (0x1e), SLOT3 (0x1f)
            })

            /* Hot-plug registers (hw/acpi/pci_hotplug.c): slots filled, slots to let go of, slots let
               go of, slots that can be emptied, number of the bus, what the system says to a request. */
            OperationRegion (PCST, SystemIO, 0xae00, 0x1c)
            Field (PCST, DWordAcc, NoLock, WriteAsZeros)
            {
                PCIU, 32,
                PCID, 32,
                B0EJ, 32,
                PRMV, 32,
                BNUM, 32,
                Offset (0x18),
                OSTR, 32
            }
            Mutex (BLCK, 0)

            Device (PHPR)
            {
                Name (_HID, EisaId ("PNP0C02"))
                Name (_UID, "PCI hot-plug")
                Name (_CRS, ResourceTemplate ()
                {
                    IO (Decode16, 0xae00, 0xae00, 1, 0x1c)
                    IO (Decode16, 0xafe0, 0xafe0, 1, 0x04)
                })
            }

            Method (PCEJ, 1, NotSerialized)
            {
                Acquire (BLCK, 0xffff)
                BNUM = 0
                B0EJ = 1 << Arg0
                Release (BLCK)
                Return (0)
            }
            Method (PCRM, 1, NotSerialized)
            {
                Acquire (BLCK, 0xffff)
                BNUM = 0
                Local0 = PRMV
                Release (BLCK)
                Return ((Local0 >> Arg0) & 1)
            }

            Method (PCOS, 3, NotSerialized)
            {
                Acquire (BLCK, 0xffff)
                BNUM = 0
                OSTR = Arg0 | ((Arg1 & 0xff) << 8) | ((Arg2 & 0xff) << 16)
                Release (BLCK)
            }

            /* Slots 0 (host bridge) and 1 (south bridge) are the board's. */
#define HPSLOT(name, n) \
            Device (name) \
            { \
                Name (_ADR, (n << 16)) \
                Name (_SUN, n) \
                Method (_EJ0, 1) { PCEJ (n) } \
                Method (_RMV) { Return (PCRM (n)) } \
                Method (_OST, 3) { PCOS (n, Arg0, Arg1) } \
            }
#define HPSLOTS(X) \
            X (S02, 0x02) X (S03, 0x03) X (S04, 0x04) X (S05, 0x05) X (S06, 0x06) X (S07, 0x07) \
            X (S08, 0x08) X (S09, 0x09) X (S0A, 0x0a) X (S0B, 0x0b) X (S0C, 0x0c) X (S0D, 0x0d) \
            X (S0E, 0x0e) X (S0F, 0x0f) X (S10, 0x10) X (S11, 0x11) X (S12, 0x12) X (S13, 0x13) \
            X (S14, 0x14) X (S15, 0x15) X (S16, 0x16) X (S17, 0x17) X (S18, 0x18) X (S19, 0x19) \
            X (S1A, 0x1a) X (S1B, 0x1b) X (S1C, 0x1c) X (S1D, 0x1d) X (S1E, 0x1e) X (S1F, 0x1f)
            HPSLOTS (HPSLOT)

#define HPNOTE(name, n) If (Arg0 & (1 << n)) { Notify (name, Arg1) }
            Method (DVNT, 2, NotSerialized)
            {
                HPSLOTS (HPNOTE)
            }
            Method (PCNT, 0, NotSerialized)
            {
                Acquire (BLCK, 0xffff)
                BNUM = 0
                Local0 = PCIU
                Local1 = PCID
                Release (BLCK)
                DVNT (Local0, 1) /* device check */
                DVNT (Local1, 3) /* eject request */
            }

            Device (ISA)
            {
                Name (_ADR, 0x00010000)

                OperationRegion (PIRR, PCI_Config, 0x60, 4)
                Field (PIRR, ByteAcc, NoLock, Preserve)
                {
                    PRQ0, 8,
                    PRQ1, 8,
                    PRQ2, 8,
                    PRQ3, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 1, 8)
                        IRQNoFlags () { 8 }
                    })
                }
                Device (PIT)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 1, 4)
                        IRQNoFlags () { 0 }
                    })
                }
                Device (DMA)
                {
                    Name (_HID, EisaId ("PNP0200"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0000, 0x0000, 1, 0x10)
                        IO (Decode16, 0x0081, 0x0081, 1, 0x0f)
                        IO (Decode16, 0x00c0, 0x00c0, 1, 0x20)
                        DMA (Compatibility, NotBusMaster, Transfer8) { 4 }
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0061, 0x0061, 1, 1) })
                }
                Device (FPU)
                {
                    Name (_HID, EisaId ("PNP0C04"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x00f0, 0x00f0, 1, 0x10)
                        IRQNoFlags () { 13 }
                    })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Method (_STA) { IFIT (0x10) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 1, 1)
                        IO (Decode16, 0x0064, 0x0064, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Method (_STA) { IFIT (0x10) }
                    Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
                }
                Device (LPT1)
                {
                    Name (_HID, EisaId ("PNP0400"))
                    Name (_UID, 1)
                    Method (_STA) { IFIT (0x08) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0378, 0x0378, 8, 8)
                        IRQNoFlags () { 7 }
                    })
                }
                /* The port reads as ones where the device is not fitted. */
                OperationRegion (PVPR, SystemIO, 0x0505, 1)
                Field (PVPR, ByteAcc, NoLock, Preserve) { PVPE, 8 }
                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Method (_STA) { If (PVPE == 0xff) { Return (0) } Return (0x0f) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0505, 0x0505, 1, 1)
                    })
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Method (_STA) { IFIT (0x02) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03f8, 0x03f8, 0, 8)
                        IRQNoFlags () { 4 }
                    })
                }
                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    Method (_STA) { IFIT (0x04) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02f8, 0x02f8, 0, 8)
                        IRQNoFlags () { 3 }
                    })
                }
            }
        }

        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            Method (_STA) { IFIT (0x01) }
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly, 0xfed00000, 0x00000400)
            })
        }

        /* Interrupt links: the PIIX3's PIRQ route control registers. Bit 7: not routed. */
        Name (PRSX, ResourceTemplate ()
        {
            Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 }
        })
        Method (IQST, 1) { If (Arg0 & 0x80) { Return (0x09) } Return (0x0b) }
        Name (CRSX, ResourceTemplate ()
        {
            Interrupt (, Level, ActiveHigh, Shared) { 0 }
        })
        Method (IQCR, 1, Serialized)
        {
            CreateDWordField (CRSX, 0x05, PRRI)
            PRRI = 0
            If (!(Arg0 & 0x80)) { PRRI = Arg0 & 0x0f }
            Return (CRSX)
        }
#define LINK(name, uid, reg) \
        Device (name) \
        { \
            Name (_HID, EisaId ("PNP0C0F")) \
            Name (_UID, uid) \
            Method (_STA) { Return (IQST (reg)) } \
            Method (_DIS) { reg |= 0x80 } \
            Method (_PRS) { Return (PRSX) } \
            Method (_CRS) { Return (IQCR (reg)) } \
            Method (_SRS, 1) { CreateDWordField (Arg0, 0x05, PRRI) reg = PRRI } \
        }
        LINK (LNKA, 0, \_SB.PCI0.ISA.PRQ0)
        LINK (LNKB, 1, \_SB.PCI0.ISA.PRQ1)
        LINK (LNKC, 2, \_SB.PCI0.ISA.PRQ2)
        LINK (LNKD, 3, \_SB.PCI0.ISA.PRQ3)
    }

    Scope (\_GPE)
    {
        Name (_HID, "ACPI0006") /* the GPE block device */
        Method (_E01, 0) { \_SB.PCI0.PCNT () } /* PCI hot-plug */
    }
}
