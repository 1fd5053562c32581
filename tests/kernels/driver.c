/*
 * driver.c - runs the layers of a case file and compares their outputs byte by byte.
 *
 * The file is written by tests/kernels/cases.rs, in 32-bit little-endian words and bytes; see struct header.
 * It is read one case at a time. Every buffer is allocated at its exact size and filled with rubbish, so that
 * sanitizers on the host, and guards on the boards, catch any access beside it.
 */
#include "bitsmith.h"
#include "platform.h"

#include <stdbool.h>
#include <string.h>

enum {
    KERNEL_POINTWISE, KERNEL_CONV, KERNEL_DEPTHWISE, KERNEL_DEPTHWISE_ANY, KERNEL_LINEAR, KERNEL_POOL,
    KERNEL_ADD, KERNEL_WINDOW_MAX, KERNEL_WINDOW_AVERAGE, KERNEL_POOL_LOGITS, KERNEL_MULTIPLY, KERNEL_LOOKUP,
    KERNEL_CONCAT, KERNEL_END
};

/* Start of a case. Lengths and offsets are in bytes. Behind it: in[0], in[1], weights, params, expected
   output. */
typedef struct {
    uint32_t kernel;
    uint32_t status;         /* what the call must return; the output is looked at only if it is BS_OK */
    uint32_t fields[24];     /* of the descriptor, in the order of describe_* below */
    uint32_t scratch;        /* what the memory model says */
    uint32_t in_bytes[2], weight_bytes, param_bytes, out_bytes;
    uint32_t overlaps[2];    /* whether an input shares the arena with the output */
    uint32_t in_offset[2], out_offset; /* in the arena */
    uint32_t arena_bytes;    /* 0: every tensor has a buffer of its own */
} header;

static bs_conv describe_conv(const uint32_t *f, const uint8_t *weights, const int32_t *params)
{
    const bs_conv layer = {
        .weights = weights,
        .params = params,
        .in_h = (uint16_t)f[0],
        .in_w = (uint16_t)f[1],
        .in_c = (uint16_t)f[2],
        .out_h = (uint16_t)f[3],
        .out_w = (uint16_t)f[4],
        .out_c = (uint16_t)f[5],
        .kernel = (uint8_t)f[6],
        .stride = (uint8_t)f[7],
        .pad_top = (uint8_t)f[8],
        .pad_left = (uint8_t)f[9],
        .in_bits = (uint8_t)f[10],
        .weight_bits = (uint8_t)f[11],
        .out_bits = (uint8_t)f[12],
        .out_zero = (uint8_t)f[13],
        .pad_code = {(uint8_t)f[14], (uint8_t)f[15], (uint8_t)f[16]},
        .block = (uint16_t)f[17],
    };
    return layer;
}

static bs_pool describe_pool(const uint32_t *f)
{
    const bs_pool layer = {
        .bias = (int32_t)f[0],
        .multiplier = (int32_t)f[1],
        .in_h = (uint16_t)f[2],
        .in_w = (uint16_t)f[3],
        .channels = (uint16_t)f[4],
        .in_bits = (uint8_t)f[5],
        .out_bits = (uint8_t)f[6],
        .shift = (uint8_t)f[7],
        .out_zero = (uint8_t)f[8],
    };
    return layer;
}

static bs_window describe_window(const uint32_t *f)
{
    const bs_window layer = {
        .in_h = (uint16_t)f[0],
        .in_w = (uint16_t)f[1],
        .channels = (uint16_t)f[2],
        .out_h = (uint16_t)f[3],
        .out_w = (uint16_t)f[4],
        .kernel = (uint8_t)f[5],
        .stride = (uint8_t)f[6],
        .pad_top = (uint8_t)f[7],
        .pad_left = (uint8_t)f[8],
        .bits = (uint8_t)f[9],
    };
    return layer;
}

static bs_multiply describe_multiply(const uint32_t *f)
{
    const bs_multiply layer = {
        .bias = (int32_t)f[0],
        .multiplier = (int32_t)f[1],
        .h = (uint16_t)f[2],
        .w = (uint16_t)f[3],
        .channels = (uint16_t)f[4],
        .bits = {(uint8_t)f[5], (uint8_t)f[6]},
        .zero = {(uint8_t)f[7], (uint8_t)f[8]},
        .out_bits = (uint8_t)f[9],
        .shift = (uint8_t)f[10],
        .out_zero = (uint8_t)f[11],
    };
    return layer;
}

static bs_add describe_add(const uint32_t *f)
{
    const bs_add layer = {
        .multiplier = {(int32_t)f[0], (int32_t)f[1]},
        .offset = (int32_t)f[2],
        .h = (uint16_t)f[3],
        .w = (uint16_t)f[4],
        .channels = (uint16_t)f[5],
        .bits = {(uint8_t)f[6], (uint8_t)f[7]},
        .out_bits = (uint8_t)f[8],
        .shift = (uint8_t)f[9],
    };
    return layer;
}

/* Looks up the maps that are joined, one behind the other in one buffer as their tables are in another. Behind rows,
   columns, channels and bits of the output the fields say channels and bits of each. */
static bs_status run_lookups(const uint32_t *f, const uint8_t *table, const uint8_t *in, uint8_t *out)
{
    bs_lookup layer = {
        .table = table,
        .h = (uint16_t)f[0],
        .w = (uint16_t)f[1],
        .out_channels = (uint16_t)f[2],
        .out_bits = (uint8_t)f[3],
    };
    bs_status status;
    f += 4;
    do {
        layer.channels = (uint16_t)f[0];
        layer.in_bits = (uint8_t)f[1];
        status = bs_lookup_codes(&layer, in, out);
        in += ((uint32_t)layer.channels * layer.in_bits + 7) / 8 * layer.h * layer.w;
        layer.table += (size_t)1 << (layer.in_bits & 15);
        layer.out_first = (uint16_t)(layer.out_first + layer.channels);
        f += 2;
    } while (status == BS_OK && f[0] != 0);
    return status;
}

/* Bytes of scratch by the runtime's own account. */
static size_t scratch_of(uint32_t kernel, const bs_conv *layer)
{
    switch (kernel) {
    case KERNEL_POINTWISE:
        return bs_scratch_pointwise(layer);
    case KERNEL_CONV:
        return bs_scratch_conv_first(layer);
    case KERNEL_DEPTHWISE:
    case KERNEL_DEPTHWISE_ANY:
        return bs_scratch_depthwise(layer);
    case KERNEL_LINEAR:
        return bs_scratch_linear(layer);
    default:
        return 0;
    }
}

/* Calls the kernel of a case. */
static bs_status run(const header *h, const bs_conv *conv, const uint8_t *const in[2], uint8_t *out,
                     void *scratch)
{
    switch (h->kernel) {
    case KERNEL_POINTWISE:
        return bs_pointwise(conv, in[0], out, scratch);
    case KERNEL_CONV:
        return bs_conv_first(conv, in[0], out, scratch);
    case KERNEL_DEPTHWISE:
        return bs_depthwise(conv, in[0], out, scratch);
    case KERNEL_DEPTHWISE_ANY:
        return bs_depthwise_any(conv, in[0], out, scratch);
    case KERNEL_LINEAR:
        return bs_linear(conv, in[0], (int32_t *)(void *)out, scratch);
    case KERNEL_POOL: {
        const bs_pool pool = describe_pool(h->fields);
        return bs_avgpool(&pool, in[0], out);
    }
    case KERNEL_POOL_LOGITS: {
        const bs_pool pool = describe_pool(h->fields);
        return bs_avgpool_logits(&pool, in[0], (int32_t *)(void *)out);
    }
    case KERNEL_MULTIPLY: {
        const bs_multiply multiply = describe_multiply(h->fields);
        return bs_multiply_channels(&multiply, in[0], in[1], out);
    }
    case KERNEL_LOOKUP:
    case KERNEL_CONCAT:
        return run_lookups(h->fields, conv->weights, in[0], out);
    case KERNEL_WINDOW_MAX:
    case KERNEL_WINDOW_AVERAGE: {
        const bs_window window = describe_window(h->fields);
        return h->kernel == KERNEL_WINDOW_MAX ? bs_window_max(&window, in[0], out)
                                              : bs_window_average(&window, in[0], out);
    }
    default: {
        const bs_add add = describe_add(h->fields);
        return bs_residual_add(&add, in[0], in[1], out);
    }
    }
}

/* Says what is wrong with a case. */
static void complain(uint32_t number, const char *what, uint32_t found, uint32_t expected)
{
    platform_print("case ");
    platform_print_number(number);
    platform_print(": ");
    platform_print(what);
    platform_print(" ");
    platform_print_number(found);
    platform_print(", expected ");
    platform_print_number(expected);
    platform_print("\n");
}

/* Compares an output; returns the number of bytes that differ and complains about the first. */
static uint32_t compare(uint32_t number, const char *what, const uint8_t *found, const uint8_t *expected,
                        uint32_t n)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (found[i] != expected[i]) {
            if (wrong == 0) {
                complain(number, what, found[i], expected[i]);
            }
            wrong++;
        }
    }
    return wrong;
}

#ifdef BENCHMARK
/* Between these two, tests/board/cycles.c estimates cycles. */
__attribute__((noinline)) void measure_begin(void);
__attribute__((noinline)) void measure_end(void);

void measure_begin(void)
{
    __asm volatile("");
}

void measure_end(void)
{
    __asm volatile("");
}

/* Says how many instructions a case took. */
static void report(uint32_t number, uint32_t instructions)
{
    platform_print("case ");
    platform_print_number(number);
    platform_print(": instructions ");
    platform_print_number(instructions);
    platform_print("\n");
}

/* Calls the kernel of a case between marks. */
static bs_status run_measured(uint32_t number, const header *h, const bs_conv *conv, const uint8_t *const in[2],
                              uint8_t *out, void *scratch)
{
    measure_begin();
    const uint32_t start = platform_instructions();
    const bs_status status = run(h, conv, in, out, scratch);
    const uint32_t instructions = platform_instructions() - start;
    measure_end();
    report(number, instructions);
    return status;
}
#endif

/* A buffer with the next `bytes` of the file. */
static uint8_t *load(uint32_t bytes)
{
    uint8_t *buffer = platform_allocate(bytes);
    platform_read(buffer, bytes);
    return buffer;
}

/* Runs one case; returns the number of wrong bytes. */
static uint32_t run_case(uint32_t number, const header *h)
{
    const uint8_t *const stored[2] = {load(h->in_bytes[0]), load(h->in_bytes[1])};
    const uint8_t *const weights = load(h->weight_bytes);
    const int32_t *const params = (const int32_t *)(const void *)load(h->param_bytes);
    const uint8_t *const expected = load(h->out_bytes);

    uint8_t *const arena = platform_allocate(h->arena_bytes);
    const uint8_t *in[2];
    for (int i = 0; i < 2; i++) {
        in[i] = stored[i];
        if (h->overlaps[i]) {
            in[i] = memcpy(arena + h->in_offset[i], stored[i], h->in_bytes[i]);
        }
    }
    uint8_t *const before = platform_allocate(h->arena_bytes);
    memcpy(before, arena, h->arena_bytes);
    uint8_t *const out = h->arena_bytes != 0 ? arena + h->out_offset : platform_allocate(h->out_bytes);

    const bs_conv conv = describe_conv(h->fields, weights, params);
    void *const scratch = platform_allocate(h->scratch);
#ifdef BENCHMARK
    const bs_status status = run_measured(number, h, &conv, in, out, scratch);
#else
    const bs_status status = run(h, &conv, in, out, scratch);
#endif
    if ((uint32_t)status != h->status) {
        complain(number, "status", (uint32_t)status, h->status);
        return 1;
    }
    if (status != BS_OK) {
        return 0;
    }
    const size_t scratch_bytes = scratch_of(h->kernel, &conv);
    if (scratch_bytes != h->scratch) {
        complain(number, "scratch", (uint32_t)scratch_bytes, h->scratch);
        return 1;
    }
    uint32_t wrong = compare(number, "output byte", out, expected, h->out_bytes);
    if (h->arena_bytes != 0) {
        const uint32_t end = h->out_offset + h->out_bytes;
        wrong += compare(number, "byte before the output", arena, before, h->out_offset);
        wrong += compare(number, "byte behind the output", arena + end, before + end, h->arena_bytes - end);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    platform_open(argc, argv);
    uint32_t wrong = 0;
    uint32_t cases = 0;
    header h;
    for (platform_read(&h, sizeof h); h.kernel != KERNEL_END; platform_read(&h, sizeof h)) {
        wrong += run_case(cases, &h);
        if (!platform_release()) {
            complain(cases, "damaged guards", 1, 0);
            wrong++;
        }
        cases++;
    }
    platform_print_number(cases);
    platform_print(" cases, ");
    platform_print_number(wrong);
    platform_print(" differing bytes");
    platform_report_stack();
    platform_print("\n");
    return wrong != 0;
}
