/* SPDX-License-Identifier: MIT */
/* Input events: who gets them, who holds what, queues under flood, what listeners hear. */
#include "ui/input_queue.h"

#include <linux/input-event-codes.h>

#include "hw/core/lock.h"
#include "tests/test.h"

/* A device that notes what it is told. */
struct toy {
    struct input_handler handler;
    struct input_keys keys;
    unsigned presses, buttons, x, y;
    int dx, dy, dz, dw;
};

static void toy_key(void *opaque, unsigned code, bool down)
{
    struct toy *t = opaque;

    t->presses += down;
    input_keys_set(&t->keys, code, down);
}

static void toy_move(void *opaque, int dx, int dy)
{
    struct toy *t = opaque;

    t->dx += dx;
    t->dy += dy;
}

static void toy_wheel(void *opaque, int dz, int dw)
{
    struct toy *t = opaque;

    t->dz += dz;
    t->dw += dw;
}

static void toy_move_to(void *opaque, unsigned x, unsigned y)
{
    struct toy *t = opaque;

    t->x = x;
    t->y = y;
}

static void toy_buttons(void *opaque, unsigned buttons)
{
    ((struct toy *)opaque)->buttons = buttons;
}

static void keyboard_init(struct toy *t)
{
    *t = (struct toy){.handler = {.key = toy_key, .opaque = t}};
}

static void mouse_init(struct toy *t)
{
    *t = (struct toy){
        .handler = {.move = toy_move, .wheel = toy_wheel, .buttons = toy_buttons, .opaque = t}};
}

static void tablet_init(struct toy *t)
{
    *t = (struct toy){
        .handler = {
            .move_to = toy_move_to, .wheel = toy_wheel, .buttons = toy_buttons, .opaque = t}};
}

static int mode_heard = -1, leds_heard = -1;

static void hear_mode(void *opaque, bool absolute)
{
    mode_heard = absolute;
}

static void hear_leds(void *opaque, unsigned leds)
{
    leds_heard = (int)leds;
}

START_TEST(test_sources)
{
    struct toy kbd;
    struct input_source a, b;

    device_lock();
    keyboard_init(&kbd);
    input_send_key(KEY_A, true); /* nobody there */
    input_send_key(KEY_A, false);
    input_register(&kbd.handler);
    input_source_init(&a);
    input_source_init(&b);
    input_source_key(&a, KEY_A, true);
    input_source_key(&b, KEY_A, true);
    input_source_key(&b, KEY_B, true);
    input_source_key(&a, KEY_A, false); /* b still has it */
    ck_assert(input_keys_has(&kbd.keys, KEY_A) && input_keys_has(&kbd.keys, KEY_B));
    input_source_key(&a, KEY_C, false); /* never was down */
    input_source_key(&a, 0x300, true);
    input_source_key(&a, UINT32_MAX, true);
    input_source_fini(&b);
    ck_assert_uint_eq(input_keys_first(&kbd.keys), INPUT_KEY_COUNT);
    ck_assert_uint_eq(kbd.presses, 3);
    input_source_key(&a, 0x2ff, true);
    input_source_key(&a, 0, true);
    ck_assert_uint_eq(input_keys_first(&kbd.keys), 0);
    input_source_release(&a);
    ck_assert_uint_eq(input_keys_first(&kbd.keys), INPUT_KEY_COUNT);
    input_source_key(&a, KEY_D, true);
    input_unregister(&kbd.handler); /* with a key down */
    input_source_fini(&a);
    device_unlock();
}
END_TEST

START_TEST(test_buttons)
{
    struct toy mouse;
    struct input_source a, b;

    device_lock();
    mouse_init(&mouse);
    input_register(&mouse.handler);
    input_source_init(&a);
    input_source_init(&b);
    input_source_buttons(&a, INPUT_LEFT);
    input_source_buttons(&b, INPUT_LEFT | INPUT_RIGHT | 0xff00);
    ck_assert_uint_eq(mouse.buttons, INPUT_LEFT | INPUT_RIGHT);
    input_source_fini(&b);
    ck_assert_uint_eq(mouse.buttons, INPUT_LEFT);
    input_source_release(&a);
    ck_assert_uint_eq(mouse.buttons, 0);
    input_source_fini(&a);
    input_send_move(3, -4, 1);
    input_send_move(0, 0, 1);
    input_send_wheel(-3, 5);
    ck_assert(mouse.dx == 3 && mouse.dy == -4 && mouse.dz == -1 && mouse.dw == 5);
    input_unregister(&mouse.handler);
    device_unlock();
}
END_TEST

/* Devices take turns; nothing stays down on the one that loses its place. */
START_TEST(test_switching)
{
    struct toy first, second, mouse, tablet;
    struct input_listener listener = {.mode = hear_mode, .leds = hear_leds};

    device_lock();
    keyboard_init(&first);
    keyboard_init(&second);
    mouse_init(&mouse);
    tablet_init(&tablet);
    input_listen(&listener);
    input_register(&first.handler);
    input_register(&mouse.handler);
    input_register_idle(&tablet.handler);
    input_register_idle(&second.handler);
    ck_assert(!input_is_absolute() && mode_heard == -1);
    input_send_key(KEY_LEFTSHIFT, true);
    input_send_buttons(INPUT_MIDDLE);
    ck_assert_uint_eq(mouse.buttons, INPUT_MIDDLE);
    input_set_leds(&second.handler, INPUT_LED_CAPS);
    ck_assert_int_eq(leds_heard, -1);
    input_activate(&second.handler);
    ck_assert_int_eq(leds_heard, INPUT_LED_CAPS);
    ck_assert_uint_eq(input_keys_first(&first.keys), INPUT_KEY_COUNT);
    input_send_key(KEY_LEFTSHIFT, false); /* the second has not heard of it */
    ck_assert_uint_eq(second.presses, 0);
    input_activate(&tablet.handler);
    ck_assert(input_is_absolute() && mode_heard == 1);
    ck_assert_uint_eq(mouse.buttons, 0);
    input_send_move_to(5, 40000);
    ck_assert(tablet.x == 5 && tablet.y == INPUT_ABS_MAX);
    input_send_wheel(1, 0);
    ck_assert_int_eq(tablet.dz, 1);
    input_send_move(1, 1, 0); /* the mouse is still there */
    ck_assert_int_eq(mouse.dx, 1);
    input_deactivate(&tablet.handler);
    ck_assert(!input_is_absolute() && mode_heard == 0);
    input_unregister(&second.handler);
    ck_assert_int_eq(leds_heard, 0);
    input_unregister(&mouse.handler);
    ck_assert_int_eq(mode_heard, 1);
    input_unregister(&tablet.handler);
    input_unregister(&first.handler);
    ck_assert_int_eq(mode_heard, 0);
    input_unlisten(&listener);
    device_unlock();
}
END_TEST

/* Whatever is pushed, who reads everything has down what the user has, or less. */
START_TEST(test_key_flood)
{
    struct input_key_queue q;
    struct input_keys user = {{0}}, guest = {{0}};
    struct input_key_event e;

    srandom(1);
    input_key_queue_reset(&q);
    for (unsigned i = 0; i < 300000; i++) {
        unsigned code = (unsigned)random() % (i % 3 ? 8 : INPUT_KEY_COUNT + 2);
        bool down = random() & 1;
        input_keys_set(&user, code, down);
        input_key_push(&q, code, down);
        if (random() % 1000 == 0)
            input_key_queue_drop(&q);
        for (long n = random() % 100 ? 0 : random() % 100; n > 0 && input_key_pop(&q, &e); n--) {
            ck_assert(e.down || input_keys_has(&guest, e.code)); /* no release without a press */
            ck_assert(e.repeat == (e.down && input_keys_has(&guest, e.code)));
            input_keys_set(&guest, e.code, e.down);
        }
        if (i % 5000)
            continue;
        while (input_key_pop(&q, &e))
            input_keys_set(&guest, e.code, e.down);
        for (unsigned k = 0; k < ARRAY_SIZE(user.bits); k++)
            ck_assert_uint_eq(guest.bits[k] & ~user.bits[k], 0);
    }
}
END_TEST

START_TEST(test_pointer_queue)
{
    static const struct input_pointer_limits limits = {127, 7};
    struct input_pointer_queue q = {.count = 0};
    struct input_pointer_event e;

    ck_assert(!input_pointer_pop(&q, &limits, &e));
    ck_assert(!input_pointer_move(&q, 0, 0) && !input_pointer_wheel(&q, 0, 0) &&
              !input_pointer_move_to(&q, 0, 0) && !input_pointer_buttons(&q, 0));
    input_pointer_move(&q, 100, -300);
    input_pointer_move(&q, 50, 0);
    input_pointer_wheel(&q, -9, 1);
    input_pointer_buttons(&q, INPUT_LEFT); /* where the pointer is now ... */
    input_pointer_move(&q, 1, 1);          /* ... and not here */
    ck_assert_uint_eq(q.count, 3);
    ck_assert(input_pointer_pop(&q, &limits, &e));
    ck_assert(e.dx == 127 && e.dy == -127 && e.dz == -7 && e.dw == 1 && !e.buttons);
    ck_assert(input_pointer_pop(&q, &limits, &e) && e.dx == 23 && e.dy == -127 && e.dz == -2);
    ck_assert(input_pointer_pop(&q, &limits, &e) && e.dx == 0 && e.dy == -46 && !e.buttons);
    ck_assert(input_pointer_pop(&q, &limits, &e) && !e.dx && e.buttons == INPUT_LEFT);
    ck_assert(input_pointer_pop(&q, &limits, &e) && e.dx == 1 && e.buttons == INPUT_LEFT);
    ck_assert(!input_pointer_pop(&q, &limits, &e) && !e.dx && e.buttons == INPUT_LEFT);
    input_pointer_move_to(&q, 5, 6);
    input_pointer_buttons(&q, 0);
    input_pointer_move_to(&q, 7, 8);
    ck_assert(input_pointer_pop(&q, &limits, &e) && e.x == 5 && e.y == 6 && e.buttons);
    ck_assert(input_pointer_pop(&q, &limits, &e) && e.x == 5 && e.y == 6 && !e.buttons);
    input_pointer_queue_clear(&q);
    ck_assert(!input_pointer_pop(&q, &limits, &e) && e.x == 7 && e.y == 8);
    for (unsigned i = 0; i < 100000; i++) { /* it ends where the user is */
        input_pointer_buttons(&q, i);
        input_pointer_move(&q, INT32_MIN, INT32_MAX);
        input_pointer_move_to(&q, i & 0x7fff, 9);
    }
    input_pointer_buttons(&q, INPUT_EXTRA);
    ck_assert_uint_eq(q.count, INPUT_POINTER_QUEUE);
    while (input_pointer_pop(&q, &(struct input_pointer_limits){INT32_MAX, INT32_MAX}, &e))
        ck_assert_int_ge(e.dx, -INPUT_MOVE_MAX);
    ck_assert(e.x == (99999 & 0x7fff) && e.y == 9 && e.buttons == INPUT_EXTRA);
}
END_TEST

/* Every pixel is found again, whichever way a guest goes back. */
START_TEST(test_places)
{
    for (unsigned size = 2; size <= 16384; size += size < 2000 ? 1 : 97) {
        unsigned missed = 0;
        for (unsigned at = 0; at < size; at++) {
            uint64_t place = input_place(at, size);
            missed += place * size / (INPUT_ABS_MAX + 1) != at;
            missed += place * (size - 1) / INPUT_ABS_MAX != at;
        }
        ck_assert_uint_eq(missed, 0);
        ck_assert_uint_eq(input_place(size - 1, size), INPUT_ABS_MAX);
        ck_assert_uint_eq(input_place(size, size), INPUT_ABS_MAX);
    }
    ck_assert_uint_eq(input_place(INT64_MAX, 1000), INPUT_ABS_MAX);
    ck_assert_uint_eq(input_place(INT64_MIN, 1000), 0);
    ck_assert_uint_eq(input_place(0, 0), 0);
    ck_assert_uint_eq(input_place(0, 1), 0);
}
END_TEST

TEST_MAIN("input", test_sources, test_buttons, test_switching, test_key_flood, test_pointer_queue,
          test_places)
