/* models.native.rows: undo the filters of a PNG's rows (W3C PNG, third edition, clause 9), eight times as fast as
 * Pillow; and reduce them as `Image.reduce` does, without Pillow's intermediate copy of four bytes per pixel. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packed.h"

typedef int16_t Pixel __attribute__((vector_size(8))); /* up to four channels */
typedef uint8_t Packed __attribute__((vector_size(4)));
typedef uint8_t Wide __attribute__((vector_size(32)));
typedef uint16_t Colour __attribute__((vector_size(8)));
typedef uint32_t Sum __attribute__((vector_size(16)));

static inline Pixel load(const uint8_t *from, size_t bytes)
{
    Packed packed = {0, 0, 0, 0};
    memcpy(&packed, from, bytes);
    return __builtin_convertvector(packed, Pixel);
}

static inline Pixel absolute(Pixel x)
{
    Pixel sign = x >> 15;
    return (x ^ sign) - sign;
}

static inline Pixel choose(Pixel mask, Pixel if_set, Pixel if_clear)
{
    return if_clear ^ ((if_set ^ if_clear) & mask);
}

/* 9.4: return the nearest of left, above and above left to left + above - above left; the first one of a tie. */
static inline Pixel paeth(Pixel a, Pixel b, Pixel c)
{
    Pixel across = b - c, down = a - c, pa = absolute(across), pb = absolute(down), pc = absolute(across + down);
    return choose((Pixel)((pa <= pb) & (pa <= pc)), a, choose((Pixel)(pb <= pc), b, c));
}

/* Undo the two filters that use both the left and the upper pixel; `up` is null for the first row. Four bytes are one
 * instruction: for three channels a fourth byte is read, since channels are independent, and written, since that
 * byte is not needed any more. */
static inline void unfilter_left_and_up(uint8_t *to, const uint8_t *from, const uint8_t *up, size_t size, size_t bpp,
                                        int average)
{
    Pixel left = {0, 0, 0, 0}, corner = left, over = left;
    for (size_t i = 0; i < size; i += bpp) {
        Pixel here = i + 4 <= size ? load(from + i, 4) : load(from + i, bpp);
        over = up ? load(up + i, 4) : over;
        left = (here + (average ? (left + over) >> 1 : paeth(left, over, corner))) & 255, corner = over;
        Packed packed = __builtin_convertvector(left, Packed);
        memcpy(to + i, &packed, bpp == 3 ? 4 : bpp);
    }
}

/* Load before storing: a compiler that must assume overlap would add byte by byte. */
static inline void add(uint8_t *to, const uint8_t *from, const uint8_t *up, size_t size)
{
    size_t i = 0;
    for (; i + sizeof(Wide) <= size; i += sizeof(Wide)) {
        Wide here, above;
        memcpy(&here, from + i, sizeof here), memcpy(&above, up + i, sizeof above);
        here += above;
        memcpy(to + i, &here, sizeof here);
    }
    for (; i < size; i++)
        to[i] = (uint8_t)(from[i] + up[i]);
}

static inline void row(uint8_t *to, const uint8_t *from, const uint8_t *up, size_t size, size_t bpp, int filter)
{
    if (filter > 2)
        unfilter_left_and_up(to, from, up, size, bpp, filter == 3);
    else if (filter == 1) {
        memmove(to, from, bpp);
        for (size_t i = bpp; i < size; i++)
            to[i] = (uint8_t)(from[i] + to[i - bpp]);
    } else if (filter == 2 && up)
        add(to, from, up, size);
    else
        memmove(to, from, size);
}

/* Unfilter row `y` in place. Rows of a filter byte and `size` others become rows of `size` bytes: each is written
 * before the place it was read from, never after it. Return 0 for an unknown filter. */
static inline int unfilter_row(uint8_t *data, size_t y, size_t size, size_t bpp)
{
    const uint8_t *from = data + y * (size + 1);
    uint8_t *to = data + y * size, *up = y ? to - size : 0;
    int filter = *from++;
    if (filter > 4)
        return 0;
    switch (bpp) { /* constants, so that the copies are single instructions */
    case 1: row(to, from, up, size, 1, filter); break;
    case 2: row(to, from, up, size, 2, filter); break;
    case 3: row(to, from, up, size, 3, filter); break;
    default: row(to, from, up, size, 4, filter);
    }
    return 1;
}

static int unfilter(uint8_t *data, size_t rows, size_t size, size_t bpp)
{
    int done = 1;
    for (size_t y = 0; y < rows && done; y++)
        done = unfilter_row(data, y, size, bpp);
    return done;
}

static PyObject *py_unfilter(PyObject *self, PyObject *args)
{
    Py_buffer view;
    Py_ssize_t size, bpp;
    int done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "w*nn", &view, &size, &bpp))
        return NULL;
    if (bpp >= 1 && bpp <= 4 && size > 0 && size % bpp == 0 && view.len % (size + 1) == 0) {
        Py_BEGIN_ALLOW_THREADS
        done = unfilter(view.buf, (size_t)(view.len / (size + 1)), (size_t)size, (size_t)bpp);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    return PyBool_FromLong(done);
}

enum { MAX_WIDTH = 1 << 22 };

enum { MAX_FACTOR = 256 }; /* the sum of 256 bytes fits into 16 bits */

/* The mean of `count` bytes, rounded as in Pillow's Reduce.c. */
static inline uint8_t mean(uint32_t sum, uint32_t count, uint32_t share)
{
    return (uint8_t)(((sum + count / 2) * share) >> 24);
}

static inline uint32_t share_of(uint32_t count)
{
    return (uint32_t)((float)(1u << 30) * 4 / (float)(count << 8));
}

/* Sum `band` rows: of bytes, or of palette colours, four numbers each, if there is a palette. */
static void sum_rows(uint16_t *restrict sums, const uint8_t *restrict rows, size_t size, size_t band,
                     const Colour *palette)
{
    if (palette) {
        for (size_t x = 0; x < size; x++) {
            Colour some = {0, 0, 0, 0};
            for (size_t y = 0; y < band; y++)
                some += palette[rows[y * size + x]];
            memcpy(sums + 4 * x, &some, sizeof some);
        }
        return;
    }
    for (size_t i = 0; i < size; i++)
        sums[i] = rows[i];
    for (size_t y = 1; y < band; y++)
        for (size_t i = 0; i < size; i++)
            sums[i] = (uint16_t)(sums[i] + rows[y * size + i]);
}

/* Write one row of means, grey or RGBX, from sums of `band` rows. Return 0 if a pixel is not opaque. */
static inline int average_row(uint8_t *to, const uint16_t *sums, size_t width, size_t bpp, size_t across, size_t band,
                              int coloured)
{
    uint32_t count = (uint32_t)(across * band), share = share_of(count);
    int opaque = 1;
    for (size_t left = 0; left < width; left += across) {
        size_t right = left + across;
        Sum some = {0, 0, 0, 0};
        if (right > width)
            right = width, count = (uint32_t)((width - left) * band), share = share_of(count);
        for (size_t x = left; x < right; x++) { /* always four channels at once, even if the pixel has fewer */
            Colour here;
            memcpy(&here, sums + x * bpp, sizeof here);
            some += __builtin_convertvector(here, Sum);
        }
        *to++ = mean(some[0], count, share);
        if (coloured)
            *to++ = mean(some[1], count, share), *to++ = mean(some[2], count, share), *to++ = 255;
        opaque &= bpp != 4 || coloured > 1 || mean(some[3], count, share) == 255;
    }
    return opaque;
}

enum Outcome { DONE, NOT_OPAQUE, BAD_INPUT, NO_MEMORY };

/* Reduce rows as soon as they are unfiltered, while they are cached. Only unfilter an image that is not opaque. */
static enum Outcome average(uint8_t *to, uint8_t *data, size_t width, size_t height, size_t bpp, size_t across,
                            size_t down, const Colour *palette)
{
    int opaque = 1, done = 1;
    const size_t step = (width + across - 1) / across * (bpp == 1 && !palette ? 1 : 4), size = width * bpp;
    uint16_t *sums = malloc(width * 4 * sizeof *sums);
    for (size_t top = 0; sums && top < height && done; top += down, to += step) {
        size_t band = top + down < height ? down : height - top;
        for (size_t y = top; y < top + band && done; y++)
            done = unfilter_row(data, y, size, bpp);
        if (!opaque || !done)
            continue;
        sum_rows(sums, data + top * size, size, band, palette);
        switch (palette ? 0 : bpp) { /* constants, as above */
        case 0: opaque = average_row(to, sums, width, 4, across, band, 2); break;
        case 1: opaque = average_row(to, sums, width, 1, across, band, 0); break;
        case 3: opaque = average_row(to, sums, width, 3, across, band, 1); break;
        default: opaque = average_row(to, sums, width, 4, across, band, 1);
        }
    }
    free(sums);
    return !sums ? NO_MEMORY : !done ? BAD_INPUT : opaque ? DONE : NOT_OPAQUE;
}

static PyObject *py_average(PyObject *self, PyObject *args)
{
    Py_buffer view, colours;
    Py_ssize_t width, bpp, across, down;
    Colour palette[256] = {{0}};
    PyObject *means = NULL;
    enum Outcome outcome = BAD_INPUT;
    (void)self;
    if (!PyArg_ParseTuple(args, "w*nnnny*", &view, &width, &bpp, &across, &down, &colours))
        return NULL;
    for (Py_ssize_t i = 0; i < 256 && 3 * i + 3 <= colours.len; i++)
        for (int channel = 0; channel < 3; channel++)
            palette[i][channel] = ((uint8_t *)colours.buf)[3 * i + channel];
    if ((bpp == 1 || bpp == 3 || bpp == 4) && width > 0 && view.len % (width * bpp + 1) == 0 && across > 0 &&
        across <= MAX_FACTOR && down > 0 && down <= MAX_FACTOR && (!colours.len || bpp == 1)) {
        Py_ssize_t height = view.len / (width * bpp + 1), wide = (width + across - 1) / across;
        Py_ssize_t channels = bpp == 1 && !colours.len ? 1 : 4;
        means = PyBytes_FromStringAndSize(NULL, (height + down - 1) / down * wide * channels);
        outcome = NO_MEMORY;
        if (means) {
            uint8_t *to = (uint8_t *)PyBytes_AsString(means);
            Py_BEGIN_ALLOW_THREADS
            outcome = average(to, view.buf, (size_t)width, (size_t)height, (size_t)bpp, (size_t)across, (size_t)down,
                          colours.len ? palette : 0);
            Py_END_ALLOW_THREADS
        }
    }
    PyBuffer_Release(&view), PyBuffer_Release(&colours);
    if (outcome == DONE)
        return means;
    Py_XDECREF(means);
    return outcome == NO_MEMORY ? PyErr_NoMemory() : PyBool_FromLong(outcome == NOT_OPAQUE);
}

/* Sum the absolute first and second differences along rows. */
static void steps(const uint8_t *at, size_t rows, size_t width, uint64_t sums[2])
{
    for (size_t y = 0; y < rows; y++, at += width) {
        uint32_t first = (uint32_t)abs(at[1] - at[0]), second = 0; /* no overflow below MAX_WIDTH */
        for (size_t x = 2; x < width; x++) {
            int step = at[x] - at[x - 1], before = at[x - 1] - at[x - 2];
            first += (uint32_t)abs(step), second += (uint32_t)abs(step - before);
        }
        sums[0] += first, sums[1] += second;
    }
}

static PyObject *py_steps(PyObject *self, PyObject *args)
{
    Py_buffer view;
    Py_ssize_t width;
    uint64_t sums[2] = {0, 0};
    (void)self;
    if (!PyArg_ParseTuple(args, "y*n", &view, &width))
        return NULL;
    if (width > 2 && width < MAX_WIDTH && view.len % width == 0)
        steps(view.buf, (size_t)(view.len / width), (size_t)width, sums);
    PyBuffer_Release(&view);
    return Py_BuildValue("KK", (unsigned long long)sums[0], (unsigned long long)sums[1]);
}

static PyObject *py_first_bad_row(PyObject *self, PyObject *args)
{
    Py_buffer view, starts, lengths;
    Py_ssize_t width, unit_bytes;
    int64_t found = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*nn", &view, &starts, &lengths, &width, &unit_bytes))
        return NULL;
    const int sizes = starts.len == lengths.len && starts.len % 8 == 0 && unit_bytes >= 0 && unit_bytes <= 2;
    if (sizes) {
        Py_BEGIN_ALLOW_THREADS
        found = first_bad_row(view.buf, view.len, starts.buf, lengths.buf, starts.len / 8, width, unit_bytes);
        Py_END_ALLOW_THREADS
    } else
        PyErr_SetString(PyExc_ValueError, "starts and lengths must be int64 arrays of equal length");
    PyBuffer_Release(&view), PyBuffer_Release(&starts), PyBuffer_Release(&lengths);
    return sizes ? PyLong_FromLongLong(found) : NULL;
}

static PyMethodDef methods[] = {
    {"average", py_average, METH_VARARGS,
     "average(rows, width, pixel_bytes, across, down, palette): see models/native/rows.pyi"},
    {"first_bad_row", py_first_bad_row, METH_VARARGS,
     "first_bad_row(data, starts, lengths, width, unit_bytes): see models/native/rows.pyi"},
    {"steps", py_steps, METH_VARARGS, "steps(rows, width): see models/native/rows.pyi"},
    {"unfilter", py_unfilter, METH_VARARGS, "unfilter(data, row_bytes, pixel_bytes): see models/native/rows.pyi"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "rows", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_rows(void)
{
    return PyModuleDef_Init(&module);
}
