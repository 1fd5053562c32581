/*
 * driver.c - runs a package, which is named `net`, on the images of a file and compares the logits.
 *
 * The file is written by tests/c_package/program.rs: the number of images in 32 bits, then for each its codes and
 * the logits it must have. Compiled with NET_SELF_TEST=1 it runs the self-test instead.
 */
#include "net.h"
#include "platform.h"

static _Alignas(8) uint8_t arena[NET_ARENA_BYTES];

#if NET_SELF_TEST

int main(void)
{
    const char *const layer = net_self_test(arena);
    platform_print("self-test: ");
    platform_print(layer == NULL ? "passed" : layer);
    platform_print("\n");
    return 0;
}

#else

/* Differing logits of the next image of the file. */
static uint32_t run_image(int32_t *expected)
{
    const int32_t *logits;
    platform_read(net_input(arena), NET_INPUT_BYTES);
    platform_read(expected, 4 * NET_CLASSES);
    if (net_run(arena, &logits) != BS_OK) {
        return NET_CLASSES;
    }
    uint32_t differing = 0;
    for (uint32_t i = 0; i < NET_CLASSES; i++) {
        differing += logits[i] != expected[i];
    }
    return differing;
}

int main(int argc, char **argv)
{
    uint32_t images;
    uint32_t differing = 0;
    platform_open(argc, argv);
    platform_read(&images, sizeof images);
    int32_t *const expected = (int32_t *)(void *)platform_allocate(4 * NET_CLASSES);
    for (uint32_t image = 0; image < images; image++) {
        differing += run_image(expected);
    }
    platform_print_number(images);
    platform_print(" images, ");
    platform_print_number(differing);
    platform_print(" differing logits");
    platform_report_stack();
    platform_print("\n");
    platform_release();
    return differing != 0;
}

#endif
