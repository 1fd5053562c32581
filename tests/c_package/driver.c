/*
 * driver.c - runs a package on the images of a file and compares the logits.
 *
 * The file, written by tests/c_package/build.rs, holds 32-bit little-endian words: the number of images, then for
 * each its codes and the logits it must have. The package is named `net`.
 */
#include "net.h"
#include "platform.h"

static _Alignas(8) uint8_t arena[NET_ARENA_BYTES];

#if NET_SELF_TEST

/* Says which layer the self-test names, if any. */
int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const char *const layer = net_self_test(arena);
    platform_print("self-test: ");
    platform_print(layer == NULL ? "passed" : layer);
    platform_print("\n");
    return 0;
}

#else

int main(int argc, char **argv)
{
    uint32_t images;
    uint32_t differing = 0;
    platform_open(argc, argv);
    platform_read(&images, sizeof images);
    int32_t *const expected = (int32_t *)(void *)platform_allocate(4 * NET_CLASSES);
    const uint32_t start = platform_instructions();
    uint32_t instructions = 0;
    for (uint32_t image = 0; image < images; image++) {
        const int32_t *logits;
        platform_read(net_input(arena), NET_INPUT_BYTES);
        platform_read(expected, 4 * NET_CLASSES);
        const uint32_t before = platform_instructions();
        if (net_run(arena, &logits) != BS_OK) {
            platform_print("the run failed\n");
            return 1;
        }
        instructions = platform_instructions() - before;
        for (uint32_t i = 0; i < NET_CLASSES; i++) {
            differing += logits[i] != expected[i];
        }
    }
    (void)start;
    platform_print_number(images);
    platform_print(" images, ");
    platform_print_number(differing);
    platform_print(" differing logits, ");
    platform_print_number(instructions);
    platform_print(" instructions");
    platform_report_stack();
    platform_print("\n");
    return differing != 0;
}

#endif
