/* models.native.entropy: walk every scan of a Huffman-coded JPEG, and report where it violates ITU-T T.81. libjpeg
 * ignores most of these faults, because its purpose is to show an image.
 *
 * markers -> scan() -> segment() between restarts -> one block after another (blocks.h) -> bits (huffman.h)
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <math.h>
#include <stdlib.h>

#include "blocks.h"
#include "breaks.h"
#include "paint.h"

typedef struct {
    const uint8_t *data;
    size_t size, at;
    uint8_t *segment; /* one entropy-coded segment, unstuffed */
    Table *tables;    /* 4 DC, 4 AC */
    int32_t quant[4][64];
    uint8_t quantised[4];
    Component c[4];
    int components, width, height, hmax, vmax, progressive, interval;
    int64_t max_pixels;
    int eighths;              /* size of the wanted pixels: 1, 2, 4 or 8; 0: none */
    int may_warn;             /* something in the file may make libjpeg warn */
    int scans, eobrun;
    int unsupported;          /* arithmetic, lossless or 12 bits: not walked */
    int ended;                /* the end-of-image marker was reached */
    /* The first fault, and the count of each; the walk stops at a fatal one (below RANGE). */
    int kind, scan, row;
    size_t offset;
    Break broken;
    int blank;
    int64_t counts[KINDS], pads_ones, pads_zeros, leftover;
} Walk;

static Basis basis; /* set once, when loaded */
static Means means;

/* Record a fault. Return 1 if it is fatal. */
static int record_fault(Walk *w, enum Fault kind, const Component *c, int64_t block_row)
{
    w->counts[kind]++;
    if (w->kind == SOUND || w->kind >= RANGE) {
        if (w->kind >= RANGE && kind >= RANGE)
            return 0;
        w->kind = kind;
        w->scan = w->scans;
        w->offset = w->at;
        w->row = c ? (int)(block_row * 8 * w->vmax / c->v) : -1;
    }
    return kind < RANGE;
}

static unsigned word(const Walk *w, size_t at)
{
    return (unsigned)w->data[at] << 8 | w->data[at + 1];
}

/* Copy the bytes up to the next marker without stuffing; leave w->at on the marker's 0xFF. Return their number. */
static size_t unstuff(Walk *w)
{
    const uint8_t *from = w->data + w->at, *end = w->data + w->size;
    uint8_t *to = w->segment;
    while (from < end) {
        const uint8_t *stop = memchr(from, 0xFF, (size_t)(end - from));
        size_t run = (size_t)((stop ? stop : end) - from);
        memcpy(to, from, run);
        to += run;
        from += run;
        if (!stop || from + 1 >= end || from[1] != 0)
            break;
        *to++ = 0xFF;
        from += 2;
    }
    w->at = (size_t)(from - w->data);
    memset(to, 0, SPARE);
    return (size_t)(to - w->segment);
}

static inline enum Fault assess(Component *c, size_t at, size_t x, const Block *block)
{
    float level = (float)c->dc[at] * c->scale[0];
    c->edges[at] = block->edges + (Four){level, level, level, level};
    if (c->samples) {
        size_t row_start = at - x, stride = (size_t)c->stride << c->log;
        paint(c->samples + (row_start << 2 * c->log) + (x << c->log), stride, c->log, block, level, &means, &basis);
    }
    return check_range(block, c, c->dc[at], &basis);
}

static inline enum Fault sequential(Bits *b, Component *c, size_t at, size_t x)
{
    int difference;
    Block block;
    clear_block(&block);
    enum Fault fault = dc_difference(b, c->dc_table, &difference);
    if (fault)
        return fault;
    int dc = c->predicted + difference;
    c->predicted = dc > 2047 ? 2047 : dc < -2048 ? -2048 : dc; /* RANGE will be reported */
    c->dc[at] = (int16_t)c->predicted;
    fault = ac_sequential(b, c, &block);
    if (fault && fault < RANGE)
        return fault;
    enum Fault doubt = assess(c, at, x, &block);
    return doubt ? doubt : fault;
}

static inline enum Fault dc_only(Bits *b, Component *c, const int band[4], size_t at)
{
    int difference;
    if (band[3]) {
        c->dc[at] = (int16_t)(c->dc[at] | (int)(read_bits(b, 1) << band[2]));
        return SOUND;
    }
    enum Fault fault = dc_difference(b, c->dc_table, &difference);
    int dc = c->predicted + difference;
    c->predicted = dc > 2047 ? 2047 : dc < -2048 ? -2048 : dc;
    c->dc[at] = (int16_t)(c->predicted * (1 << band[2]));
    return fault;
}

/* Read an AC band of blocks `first` to before `past` of one component. Return 0 on a fatal fault. */
static int ac_band(Walk *w, Bits *b, const Component *c, const int band[4], int64_t first, int64_t past)
{
    int64_t y = first / c->blocks_wide, x = first % c->blocks_wide;
    int eobrun = 0;
    for (int64_t block = first; block < past; block++) {
        if (eobrun && !band[3]) { /* a first scan stores nothing for these */
            int64_t empty = eobrun < past - block ? eobrun : past - block;
            eobrun -= (int)empty;
            block += empty - 1;
            y = (block + 1) / c->blocks_wide, x = (block + 1) % c->blocks_wide;
            continue;
        }
        size_t at = (size_t)(y * c->stride + x);
        enum Fault fault = band[3] ? ac_refine(b, c, at, band, &eobrun) : ac_first(b, c, at, band, &eobrun);
        eobrun -= eobrun > 0;
        if (bits_left(b) < 0)
            fault = SHORT;
        if (fault && record_fault(w, fault, c, y))
            return 0;
        if (++x == c->blocks_wide)
            x = 0, y++;
    }
    w->eobrun = eobrun;
    return 1;
}

/* Read MCUs `first` to before `past`, all coefficients or DC only. Return 0 on a fatal fault. */
static int blocks(Walk *w, Bits *b, Component *const *scan, int ns, const int band[4], int64_t first, int64_t past)
{
    int64_t across = ns > 1 ? scan[0]->stride / scan[0]->h : scan[0]->blocks_wide;
    for (int i = 0; i < ns; i++)
        scan[i]->predicted = 0;
    for (int64_t mcu = first, row = first / across, column = first % across; mcu < past; mcu++) {
        for (int i = 0; i < ns; i++) {
            Component *c = scan[i];
            int wide = ns > 1 ? c->h : 1, high = ns > 1 ? c->v : 1;
            for (int64_t y = row * high; y < (row + 1) * high; y++)
                for (int64_t x = column * wide; x < (column + 1) * wide; x++) {
                    size_t at = (size_t)(y * c->stride + x);
                    enum Fault fault = w->progressive ? dc_only(b, c, band, at) : sequential(b, c, at, (size_t)x);
                    if (bits_left(b) < 0)
                        fault = SHORT;
                    if (fault && record_fault(w, fault, c, y))
                        return 0;
                }
        }
        if (++column == across) {
            column = 0;
            row++;
        }
    }
    return 1;
}

/* Read the segment with MCUs `first` to before `past`, and check its padding. Return 0 on a fatal fault. */
static int segment(Walk *w, Component *const *scan, int ns, const int band[4], int64_t first, int64_t past)
{
    Bits b = {0, 0, w->segment, w->segment, 0};
    b.length = unstuff(w);
    w->eobrun = 0;
    if (!(band[0] ? ac_band(w, &b, scan[0], band, first, past) : blocks(w, &b, scan, ns, band, first, past)))
        return 0;
    Component *c = scan[0];
    int64_t across = ns > 1 ? c->stride / c->h : c->blocks_wide, row = (past - 1) / across, leftover = bits_left(&b);
    if (ns > 1)
        row *= c->v;
    w->leftover = leftover;
    if (w->eobrun)
        return !record_fault(w, EOBRUN, c, row);
    if (leftover >= 8)
        return !record_fault(w, LONG, c, row);
    if (leftover) {
        unsigned pad = read_bits(&b, (int)leftover);
        w->pads_ones += pad == (1u << leftover) - 1;
        w->pads_zeros += pad == 0;
        w->counts[PADDING] += pad != 0 && pad != (1u << leftover) - 1;
    }
    return 1;
}

static void latch(Component *c, const int32_t q[64])
{
    /* sqrt(2) cos(n pi / 16): contribution of coefficient n to the first sample; negated at the last one if n is odd */
    static const float share[8] = {1, 1.3870398f, 1.3065630f, 1.1758756f, 1, 0.7856950f, 0.5411961f, 0.2758994f};
    float noise = 0;
    memcpy(c->q, q, sizeof c->q);
    for (int k = 0; k < 64; k++) {
        c->scale[k] = (float)q[k];
        int v = natural[k] >> 3, u = natural[k] & 7;
        float down = u ? 0 : share[v] * (float)q[k], across = v ? 0 : share[u] * (float)q[k];
        c->edge[k] = (Four){down, v & 1 ? -down : down, across, u & 1 ? -across : across};
        noise += (float)q[k] * (float)q[k] / 4;
    }
    c->noise = sqrtf(noise);
}

/* B.2.3, with the constraints of G.1.1.1.1. Return 0 if it is invalid. */
static int scan_header(Walk *w, size_t at, size_t stop, Component **scan, int band[4])
{
    int ns = w->data[at], blocks = 0;
    if (ns < 1 || ns > 4 || at + 4 + 2 * (size_t)ns != stop)
        return 0;
    const uint8_t *tail = w->data + at + 1 + 2 * ns;
    band[0] = tail[0], band[1] = tail[1], band[2] = tail[2] & 15, band[3] = tail[2] >> 4;
    if (!w->progressive) {
        w->may_warn |= tail[0] || tail[1] != 63 || tail[2];
        band[0] = band[2] = band[3] = 0, band[1] = 63; /* some cameras write other values, which decoders ignore */
    }
    if (band[1] > 63 || band[0] > band[1] || band[2] > 13 || (band[3] && band[3] != band[2] + 1) ||
        (w->progressive && (band[0] ? ns > 1 : band[1] > 0)))
        return 0;
    for (int i = 0; i < ns; i++) {
        const uint8_t *spec = w->data + at + 1 + 2 * i;
        Component *c = 0;
        for (int n = 0; n < w->components; n++)
            if (w->c[n].id == spec[0])
                c = &w->c[n];
        for (int n = 0; n < i; n++)
            if (scan[n] == c)
                return 0;
        if (!c || spec[1] >> 4 > 3 || (spec[1] & 15) > 3)
            return 0;
        scan[i] = c;
        blocks += c->h * c->v;
        c->dc_table = &w->tables[spec[1] >> 4];
        c->ac_table = &w->tables[4 + (spec[1] & 15)];
        if (!c->latched && !w->quantised[c->tq])
            return 0;
        if (!c->latched)
            latch(c, w->quant[c->tq]);
        c->latched = 1;
        int needs_dc = band[0] == 0 && !band[3], needs_ac = !w->progressive || band[0] > 0;
        if ((needs_dc && !c->dc_table->defined) || (needs_ac && !c->ac_table->defined))
            w->unsupported = 1; /* libjpeg falls back to the tables of annex K, as in motion JPEG */
    }
    return ns == 1 || blocks <= 10;
}

/* Return 0 if the scan does not continue the successive approximation of earlier ones (G.1.1.1.1). */
static int in_order(Walk *w, Component *const *scan, int ns, const int band[4])
{
    w->may_warn |= band[0] && scan[0]->depth[0] < 0; /* AC before any DC */
    for (int i = 0; i < ns; i++)
        for (int k = band[0]; k <= band[1]; k++) {
            if (band[3] ? scan[i]->depth[k] != band[3] : scan[i]->depth[k] != -1)
                return 0;
            scan[i]->depth[k] = (int8_t)band[2];
        }
    return 1;
}

/* Read one scan with its restarts; leave w->at on the marker that ends it. Return 0 on a fatal fault. */
static int scan(Walk *w, size_t at, size_t stop)
{
    Component *list[4];
    int band[4], ns = w->data[at];
    w->at = stop;
    w->scans++;
    if (!w->components || !scan_header(w, at, stop, list, band))
        return !record_fault(w, HEADER, 0, 0);
    if (w->unsupported)
        return 0;
    if (!in_order(w, list, ns, band))
        return !record_fault(w, SCRIPT, 0, 0);
    for (int i = 0; i < ns && !w->progressive; i++)
        build_pairs(list[i]->ac_table);
    Component *c = list[0];
    int64_t total = ns > 1 ? (int64_t)(c->stride / c->h) * (c->rows / c->v) : (int64_t)c->blocks_wide * c->blocks_high;
    int64_t step = w->interval ? w->interval : total;
    for (int64_t mcu = 0; mcu < total; mcu += step) {
        if (mcu) {
            int64_t across = ns > 1 ? c->stride / c->h : c->blocks_wide, row = mcu / across * (ns > 1 ? c->v : 1);
            while (w->at + 1 < w->size && w->data[w->at + 1] == 0xFF) /* fill bytes: B.1.1.2 */
                w->at++;
            if (w->at + 1 >= w->size || w->data[w->at + 1] >> 3 != 0xD0 >> 3)
                return !record_fault(w, SHORT, c, row);
            if ((w->data[w->at + 1] & 7) != ((mcu / step - 1) & 7))
                return !record_fault(w, RESTART, c, row);
            w->at += 2;
        }
        if (!segment(w, list, ns, band, mcu, mcu + step < total ? mcu + step : total))
            return 0;
    }
    return 1;
}

/* B.2.2: read the frame and allocate its components. Return 0 on a fatal fault, -1 without memory. */
static int frame(Walk *w, size_t at, size_t stop, int marker)
{
    int n = stop - at >= 6 ? w->data[at + 5] : 0;
    if (w->components || n < 1 || n > 4 || stop - at < 6 + 3 * (size_t)n)
        return !record_fault(w, HEADER, 0, 0);
    w->unsupported = marker > 0xC2 || w->data[at] != 8;
    w->progressive = marker == 0xC2;
    w->height = (int)word(w, at + 1), w->width = (int)word(w, at + 3);
    if (w->unsupported || (int64_t)w->height * w->width > w->max_pixels || !w->height || !w->width)
        return !record_fault(w, HEADER, 0, 0);
    for (int i = 0; i < n; i++) {
        const uint8_t *spec = w->data + at + 6 + 3 * i;
        Component *c = &w->c[i];
        c->id = spec[0], c->h = spec[1] >> 4, c->v = spec[1] & 15, c->tq = spec[2] & 3;
        if (c->h < 1 || c->h > 4 || c->v < 1 || c->v > 4 || spec[2] > 3)
            return !record_fault(w, HEADER, 0, 0);
        w->hmax = c->h > w->hmax ? c->h : w->hmax;
        w->vmax = c->v > w->vmax ? c->v : w->vmax;
        memset(c->depth, -1, sizeof c->depth);
    }
    for (int i = 0; i < n; i++) {
        Component *c = &w->c[i];
        int across = (w->width + 8 * w->hmax - 1) / (8 * w->hmax), down = (w->height + 8 * w->vmax - 1) / (8 * w->vmax);
        c->blocks_wide = ((w->width * c->h + w->hmax - 1) / w->hmax + 7) / 8;
        c->blocks_high = ((w->height * c->v + w->vmax - 1) / w->vmax + 7) / 8;
        c->stride = across * c->h, c->rows = down * c->v;
        size_t blocks = (size_t)c->stride * (size_t)c->rows;
        c->dc = calloc(blocks, sizeof *c->dc);
        /* Valid only where `nonzero` has a bit. */
        c->coefficients = w->progressive ? malloc(blocks * sizeof *c->coefficients) : 0;
        c->nonzero = w->progressive ? calloc(blocks, sizeof *c->nonzero) : 0;
        c->edges = calloc(blocks, sizeof *c->edges);
        if (!c->dc || !c->edges || (w->progressive && (!c->coefficients || !c->nonzero)))
            return -1;
    }
    w->components = n;
    int64_t across = ((int64_t)w->width * w->eighths + 7) / 8, down = ((int64_t)w->height * w->eighths + 7) / 8;
    w->may_warn |= stop - at != 6 + 3 * (size_t)n || w->width > 65500 || w->height > 65500;
    w->may_warn |= w->c[0].id == 'R' && w->c[n / 2].id == 'G'; /* libjpeg assumes RGB */
    const int log = w->eighths == 8 ? 3 : w->eighths == 4 ? 2 : w->eighths - 1;
    if (log < 0 || 1 << log != w->eighths || across * down > MAX_PIXELS || !allocate_samples(w->c, n, log))
        w->may_warn = 1;
    return 1;
}

static int huffman_tables(Walk *w, size_t at, size_t stop) /* B.2.4.2 */
{
    while (at < stop) {
        int sum = 0, type = w->data[at] >> 4, number = w->data[at] & 15;
        if (stop - at < 17 || type > 1 || number > 3)
            return !record_fault(w, TABLES, 0, 0);
        for (int i = 1; i <= 16; i++)
            sum += w->data[at + (size_t)i];
        if (sum > 256 || stop - at < 17 + (size_t)sum)
            return !record_fault(w, TABLES, 0, 0);
        if (!build_table(&w->tables[4 * type + number], w->data + at + 1, w->data + at + 17, !type))
            return !record_fault(w, TABLES, 0, 0);
        for (int i = 0; i < sum; i++)
            /* Only a fault if it is used, but libjpeg reports it at once. */
            w->may_warn |= !type && w->data[at + 17 + (size_t)i] > 15;
        at += 17 + (size_t)sum;
    }
    return 1;
}

static int quantisation_tables(Walk *w, size_t at, size_t stop) /* B.2.4.1 */
{
    while (at < stop) {
        int wide = w->data[at] >> 4, number = w->data[at] & 15;
        size_t size = wide ? 128 : 64;
        if (wide > 1 || number > 3 || stop - at < 1 + size)
            return !record_fault(w, TABLES, 0, 0);
        for (size_t k = 0; k < 64; k++)
            w->quant[number][k] = (int32_t)(wide ? word(w, at + 1 + 2 * k) : w->data[at + 1 + k]);
        w->quantised[number] = 1;
        at += 1 + size;
    }
    return 1;
}

/* Walk from the start of the image to its end or to a fatal fault. Return -1 without memory. */
static int walk(Walk *w)
{
    w->segment = malloc(w->size + SPARE);
    w->tables = calloc(8, sizeof *w->tables);
    if (!w->segment || !w->tables)
        return -1;
    for (w->at = 2; w->at < w->size;) {
        const uint8_t *found = memchr(w->data + w->at, 0xFF, w->size - w->at);
        w->may_warn |= found != w->data + w->at;
        w->at = found ? (size_t)(found - w->data) : w->size;
        while (w->at < w->size && w->data[w->at] == 0xFF)
            w->at++;
        if (w->at >= w->size)
            return 1;
        int marker = w->data[w->at++], proceed = 1;
        if (marker == 0xD9) {
            w->ended = 1;
            return 1;
        }
        w->may_warn |= marker < 0xC0 || (marker > 0xC2 && marker != 0xC4 && marker < 0xDA) || marker == 0xDC ||
                  (marker > 0xDD && marker < 0xE0) || (marker >= 0xF0 && marker != 0xFE) ||
                  (marker >= 0xE0 && marker < 0xF0 && w->scans); /* not seen by read_header() */
        if (marker <= 1 || (marker >= 0xD0 && marker <= 0xD8))
            continue; /* no length; a restart after the last interval is harmless */
        if (w->at + 2 > w->size || word(w, w->at) < 2 || w->at + word(w, w->at) > w->size)
            return record_fault(w, HEADER, 0, 0);
        size_t body = w->at + 2, stop = w->at + word(w, w->at);
        w->at = stop;
        if (marker == 0xDA)
            proceed = body < stop ? scan(w, body, stop) : !record_fault(w, HEADER, 0, 0);
        else if (marker == 0xC4)
            proceed = huffman_tables(w, body, stop);
        else if (marker == 0xDB)
            proceed = quantisation_tables(w, body, stop);
        else if (marker == 0xDD && stop - body == 2)
            w->interval = (int)word(w, body);
        else if (marker == 0xDD)
            w->may_warn = 1;
        else if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC8 && marker != 0xCC)
            proceed = frame(w, body, stop, marker);
        if (proceed <= 0)
            return proceed;
    }
    return 1;
}

/* Check the image after all scans. Return -1 without memory. */
static int check_all_scans(Walk *w)
{
    if (!w->ended || w->unsupported || !w->components || (w->kind && w->kind < RANGE))
        return 0;
    for (int i = 0; i < w->components; i++) {
        Component *c = &w->c[i];
        for (int k = 0; k < 64; k++)
            if (c->depth[k] != 0) {
                record_fault(w, UNREFINED, 0, 0);
                break;
            }
        for (int y = 0; w->progressive && y < c->rows; y++)
            for (int x = 0; x < c->stride; x++) {
                size_t at = (size_t)y * (size_t)c->stride + (size_t)x;
                Block block;
                clear_block(&block);
                for (uint64_t rest = c->nonzero[at]; rest; rest &= rest - 1) {
                    int k = __builtin_ctzll(rest);
                    add_coefficient(&block, c, k, c->coefficients[at][k]);
                }
                enum Fault fault = assess(c, at, (size_t)x, &block);
                if (fault)
                    record_fault(w, fault, c, y);
            }
    }
    w->broken = find_break(w->c, w->components, w->interval);
    w->blank = find_blank(w->c, w->components);
    return w->broken.score < 0 ? -1 : 0;
}

/* Return the pixels as (channels, width, height, bytes), None if libjpeg has to decode, or NULL with an exception. */
static PyObject *pixels(const Walk *w)
{
    int use_libjpeg = w->may_warn || !w->ended || w->scans > 100;
    for (int i = 0; i < KINDS; i++)
        use_libjpeg |= w->counts[i] && i != OVERSHOOT && i != WASTE && i != PADDING;
    if (use_libjpeg)
        return Py_NewRef(Py_None);
    int wide = (w->width * w->eighths + 7) / 8, high = (w->height * w->eighths + 7) / 8, done;
    int channels = w->components == 1 ? 1 : 4;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)wide * high * channels);
    if (!bytes)
        return NULL;
    uint8_t *to = (uint8_t *)PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS
    done = write_pixels(to, w->c, w->components, wide, high);
    Py_END_ALLOW_THREADS
    if (!done) {
        Py_DECREF(bytes);
        return PyErr_NoMemory();
    }
    return Py_BuildValue("(iiiN)", channels, wide, high, bytes);
}

static PyObject *report(const Walk *w)
{
    int mcu = 8 * (w->components > 1 ? w->vmax : 1);
    PyObject *counts = PyTuple_New(KINDS);
    for (int i = 0; counts && i < KINDS; i++)
        PyTuple_SetItem(counts, i, PyLong_FromLongLong(w->counts[i]));
    PyObject *image = counts ? pixels(w) : NULL;
    if (counts && !image)
        Py_DECREF(counts);
    return image ? Py_BuildValue("(iiiinnLLLifiiNN)", w->kind, w->scans, w->scan, w->row, (Py_ssize_t)w->offset,
                                  (Py_ssize_t)w->at, (long long)w->leftover, (long long)w->pads_ones,
                                  (long long)w->pads_zeros, w->ended, w->broken.score, w->broken.row * mcu,
                                  w->blank * mcu, counts, image)
                  : NULL;
}

static PyObject *py_walk(PyObject *self, PyObject *args)
{
    Py_buffer view;
    long long max_pixels;
    int done, eighths = 0;
    PyObject *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*L|i", &view, &max_pixels, &eighths))
        return NULL;
    Walk *w = calloc(1, sizeof *w);
    if (w) {
        w->data = view.buf, w->size = (size_t)view.len, w->max_pixels = max_pixels, w->eighths = eighths;
        Py_BEGIN_ALLOW_THREADS
        done = walk(w);
        if (done >= 0)
            done = check_all_scans(w);
        Py_END_ALLOW_THREADS
        if (done < 0)
            PyErr_NoMemory();
        else
            result = w->unsupported ? Py_NewRef(Py_None) : report(w);
        for (int i = 0; i < 4; i++)
            free(w->c[i].dc), free(w->c[i].coefficients), free(w->c[i].nonzero), free(w->c[i].edges),
                free(w->c[i].samples);
        free(w->segment), free(w->tables), free(w);
    } else
        PyErr_NoMemory();
    PyBuffer_Release(&view);
    return result;
}

static int set_tables(PyObject *unused)
{
    (void)unused;
    for (int x = 0; x < 4; x++)
        for (int u = 0; u < 8; u++) {
            float cosine = u ? 0.5f * cosf((float)(2 * x + 1) * (float)u * 0.19634954f) : 0.35355339f;
            basis.across[u][x] = cosine;
            basis.down[x][u] = (Four){cosine, cosine, cosine, cosine};
        }
    set_means(&means);
    return 0;
}

static PyMethodDef methods[] = {
    {"walk", py_walk, METH_VARARGS, "walk(data, max_pixels, eighths): see models/native/entropy.pyi"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef_Slot slots[] = {{Py_mod_exec, set_tables}, {0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "entropy", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_entropy(void)
{
    return PyModuleDef_Init(&module);
}
