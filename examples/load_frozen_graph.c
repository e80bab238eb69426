/* Draws images from an exported generator, in plain C.
 *
 *   python -m dcgan_tf1.export --run=runs/00000-blog_mnist --formats=frozen --out=export
 *   ./load_frozen_graph export/frozen/generator.pb digits.pgm 64
 *
 * Usage:
 *
 *   load_frozen_graph GRAPH.pb OUT.pgm [COUNT] [--seed=N] [--noise=FILE] [--normal | --uniform01]
 *                     [--range=LOW,HIGH] [--z_dim=N] [--class=N]
 *
 * writes COUNT images (16 unless given) in one square grid: a PGM file for grey images, a PPM
 * file for colours. What depends on the preset is described in the export's README.md:
 *
 *   --normal           noise from a normal distribution, not uniform in [-1, 1)
 *   --uniform01        noise uniform in [0, 1)
 *   --range=LOW,HIGH   of the images' values; -1,1 unless given
 *   --noise=FILE       noise from a file, in place of random noise: COUNT * z_dim raw float32 numbers
 *   --z_dim=N          numbers of noise for each image, for a graph that does not say it itself
 *   --class=N          the label of all images, for a graph that takes labels; without, all classes in turn
 *
 * To compile it with the headers and libraries of the pip package (tried with 2.21; the flags
 * that tf.sysconfig prints are for C++):
 *
 *   TF=$(python -c "import tensorflow as tf; print(tf.sysconfig.get_lib())")
 *   cc -std=c99 -O2 -I"$TF/include" load_frozen_graph.c -o load_frozen_graph \
 *     -L"$TF" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 -lm -Wl,-rpath,"$TF"
 *
 * or with those of the C package (https://www.tensorflow.org/install/lang_c), unpacked into libtensorflow/:
 *
 *   cc -std=c99 -O2 -Ilibtensorflow/include load_frozen_graph.c -o load_frozen_graph \
 *     -Llibtensorflow/lib -ltensorflow -ltensorflow_framework -lm -Wl,-rpath,"$PWD/libtensorflow/lib"
 *
 * All that is called here has been in the C API since TensorFlow 1.15 at the latest.
 */

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tensorflow/c/c_api.h>

enum { MAX_COUNT = 4096, MAX_Z_DIM = 65536, MAX_SIDE = 4096 };

typedef struct {
  const char *graph, *out, *noise_file;
  int count, z_dim, normal, uniform01, label; /* label: -1 for all in turn */
  uint64_t seed;
  float low, high;
} Options;

/* Prints an error as one line, whatever line breaks are in it, and ends the program. */
static void fail(const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  for (char *c = line; *c; c++) {
    if (*c == '\n' || *c == '\r') *c = ' ';
  }
  fprintf(stderr, "error: %s\n", line);
  exit(1);
}

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail("%s: %s", what, TF_Message(status));
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) fail("expected %lu bytes of memory, found less", (unsigned long)bytes);
  return memory;
}

/* ------------------------------------------------------------------------------ arguments */

static long parse_integer(const char *name, const char *text, long low, long high) {
  char *end;
  const long value = strtol(text, &end, 10); /* out of its range, LONG_MIN or LONG_MAX */
  if (end == text || *end != '\0' || value < low || value > high) {
    fail("%s: expected a whole number from %ld to %ld, found '%s'", name, low, high, text);
  }
  return value;
}

static void parse_range(const char *text, Options *options) {
  char *comma, *end;
  options->low = strtof(text, &comma);
  if (comma != text && *comma == ',') {
    options->high = strtof(comma + 1, &end);
    if (end != comma + 1 && *end == '\0' && isfinite(options->high - options->low) && options->low < options->high) {
      return;
    }
  }
  fail("--range: expected LOW,HIGH with LOW below HIGH, found '%s'", text);
}

/* The value of an argument --name=value, or NULL for any other argument. */
static const char *flag_value(const char *argument, const char *name) {
  const size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

static Options parse_arguments(int argc, char **argv) {
  Options options = {NULL, NULL, NULL, 16, 0, 0, 0, -1, 0, -1.0f, 1.0f};
  int places = 0;
  for (int i = 1; i < argc; i++) {
    const char *value;
    if ((value = flag_value(argv[i], "--seed")) != NULL) {
      options.seed = (uint64_t)parse_integer("--seed", value, 0, LONG_MAX - 1);
    } else if ((value = flag_value(argv[i], "--noise")) != NULL) {
      options.noise_file = value;
    } else if ((value = flag_value(argv[i], "--range")) != NULL) {
      parse_range(value, &options);
    } else if ((value = flag_value(argv[i], "--z_dim")) != NULL) {
      options.z_dim = (int)parse_integer("--z_dim", value, 1, MAX_Z_DIM);
    } else if ((value = flag_value(argv[i], "--class")) != NULL) {
      options.label = (int)parse_integer("--class", value, 0, INT_MAX);
    } else if (strcmp(argv[i], "--normal") == 0) {
      options.normal = 1;
    } else if (strcmp(argv[i], "--uniform01") == 0) {
      options.uniform01 = 1;
    } else if (strncmp(argv[i], "--", 2) == 0) {
      fail("expected --seed=N, --noise=FILE, --normal, --uniform01, --range=LOW,HIGH, --z_dim=N or --class=N, "
           "found '%s'", argv[i]);
    } else if (places == 0) {
      options.graph = argv[i], places++;
    } else if (places == 1) {
      options.out = argv[i], places++;
    } else if (places == 2) {
      options.count = (int)parse_integer("COUNT", argv[i], 1, MAX_COUNT), places++;
    } else {
      fail("expected GRAPH.pb OUT.pgm [COUNT], found one more argument, '%s'", argv[i]);
    }
  }
  if ((options.noise_file != NULL) + options.normal + options.uniform01 > 1) {
    fail("expected one of --noise=FILE, --normal and --uniform01, found more");
  }
  if (places < 2) fail("expected GRAPH.pb OUT.pgm [COUNT], found %d of them", places);
  /* A picture under another format's name opens nowhere, and the graph is not to be written over. */
  const char *others[] = {".png", ".jpg", ".gif", ".pb"};
  const char *end = strrchr(options.out, '.');
  for (int i = 0; i < 4; i++) {
    if (end != NULL && strcmp(end, others[i]) == 0) {
      fail("%s: expected a name that ends in .pgm or .ppm, the formats of this program", options.out);
    }
  }
  return options;
}

/* ---------------------------------------------------------------------------------- files */

/* A whole file in memory that the caller frees; its size goes to *size. */
static void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("cannot read %s: %s", path, strerror(errno));
  const long length = ftell(file);
  if (length < 0 || length > INT_MAX) fail("%s: expected a file below 2 GiB", path); /* protobuf's limit */
  rewind(file);
  void *content = allocate((size_t)length + 1);
  *size = fread(content, 1, (size_t)length, file);
  if (*size != (size_t)length) fail("%s: expected %ld bytes, found %lu", path, length, (unsigned long)*size);
  fclose(file);
  return content;
}

/* Writes bytes [height, width, channels], channels 1 or 3, as PGM or PPM. */
static void write_picture(const char *path, const uint8_t *bytes, size_t height, size_t width, size_t channels) {
  const size_t size = height * width * channels;
  FILE *file = fopen(path, "wb");
  if (file == NULL) fail("cannot write %s: %s", path, strerror(errno));
  fprintf(file, "P%d\n%lu %lu\n255\n", channels == 1 ? 5 : 6, (unsigned long)width, (unsigned long)height);
  const int whole = fwrite(bytes, 1, size, file) == size;
  if (fclose(file) != 0 || !whole) fail("cannot write %s: %s", path, strerror(errno)); /* a full disk, say */
}

/* ---------------------------------------------------------------------------------- noise */

/* The next number of SplitMix64, a small generator of good quality (Steele, Lea and Flood, 2014), in [0, 1). */
static float next_uniform(uint64_t *state) {
  uint64_t x = (*state += UINT64_C(0x9E3779B97F4A7C15));
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  x ^= x >> 31;
  return (float)(x >> 40) / 16777216.0f; /* 24 bits, as many as a float holds exactly */
}

static void random_noise(const Options *options, float *z, size_t count) {
  uint64_t state = options->seed;
  for (size_t i = 0; i < count; i++) {
    const float u = next_uniform(&state);
    if (options->normal) { /* by Box and Muller; 1 - u is never 0 */
      z[i] = sqrtf(-2.0f * logf(1.0f - u)) * cosf(6.2831853f * next_uniform(&state));
    } else {
      z[i] = options->uniform01 ? u : 2.0f * u - 1.0f;
    }
  }
}

static void noise_from_file(const char *path, float *z, size_t bytes) {
  size_t size;
  void *content = read_file(path, &size);
  if (size != bytes) {
    fail("%s: expected COUNT * z_dim float32 numbers (%lu bytes), found %lu bytes", path, (unsigned long)bytes,
         (unsigned long)size);
  }
  memcpy(z, content, size);
  free(content);
}

/* ---------------------------------------------------------------------------------- graph */

static TF_Graph *load_graph(const char *path, TF_Status *status) {
  size_t size;
  void *content = read_file(path, &size);
  TF_Buffer *buffer = TF_NewBufferFromString(content, size); /* a copy */
  TF_ImportGraphDefOptions *options = TF_NewImportGraphDefOptions();
  TF_Graph *graph = TF_NewGraph();
  TF_GraphImportGraphDef(graph, buffer, options, status);
  check(status, path);
  TF_DeleteImportGraphDefOptions(options);
  TF_DeleteBuffer(buffer);
  free(content);
  return graph;
}

/* The first output of an operation, which must be of float32. */
static TF_Output find_output(TF_Graph *graph, const char *path, const char *name) {
  TF_Output found = {TF_GraphOperationByName(graph, name), 0};
  if (found.oper == NULL || TF_OperationNumOutputs(found.oper) < 1 || TF_OperationOutputType(found) != TF_FLOAT) {
    fail("%s: expected a frozen generator with the float32 tensor '%s:0', found none", path, name);
  }
  return found;
}

/* The graph's z_dim, by the shape [N, z_dim] of its placeholder; --z_dim where that leaves it open. */
static int find_z_dim(TF_Graph *graph, TF_Output noise, const Options *options, TF_Status *status) {
  int64_t shape[2] = {-1, -1};
  const int dims = TF_GraphGetTensorNumDims(graph, noise, status); /* -1 for an unknown shape */
  check(status, options->graph);
  if (dims == 2) {
    TF_GraphGetTensorShape(graph, noise, shape, 2, status);
    check(status, options->graph);
  } else if (dims != -1) {
    fail("%s: expected noise [N, z_dim], found %d dimensions", options->graph, dims);
  }
  if (shape[1] == -1 && options->z_dim == 0) fail("%s: its graph does not say z_dim; --z_dim=N does", options->graph);
  if (shape[1] > MAX_Z_DIM || (shape[1] != -1 && options->z_dim != 0 && options->z_dim != shape[1])) {
    fail("%s: expected z_dim %d, found %ld", options->graph, options->z_dim ? options->z_dim : MAX_Z_DIM,
         (long)shape[1]);
  }
  return shape[1] == -1 ? options->z_dim : (int)shape[1];
}

static TF_Tensor *make_noise(const Options *options, int z_dim) {
  const int64_t shape[2] = {options->count, z_dim};
  const size_t numbers = (size_t)options->count * (size_t)z_dim;
  TF_Tensor *z = TF_AllocateTensor(TF_FLOAT, shape, 2, numbers * sizeof(float));
  if (z == NULL) fail("expected memory for %lu numbers of noise, found less", (unsigned long)numbers);
  if (options->noise_file != NULL) {
    noise_from_file(options->noise_file, TF_TensorData(z), numbers * sizeof(float));
  } else {
    random_noise(options, TF_TensorData(z), numbers);
  }
  return z;
}

/* The labels of a graph that takes some, by its one-hot vectors y [N, classes]; NULL for any other graph. */
static TF_Tensor *make_labels(TF_Graph *graph, const Options *options, TF_Status *status) {
  int64_t shape[2], count = options->count;
  if (TF_GraphOperationByName(graph, "inputs_labels") == NULL) {
    if (options->label != -1) fail("--class: expected a graph that takes labels, found %s", options->graph);
    return NULL;
  }
  TF_GraphGetTensorShape(graph, find_output(graph, options->graph, "y"), shape, 2, status);
  check(status, options->graph);
  if (options->label >= shape[1]) fail("--class: expected 0 to %ld, found %d", (long)shape[1] - 1, options->label);
  TF_Tensor *labels = TF_AllocateTensor(TF_INT32, &count, 1, (size_t)count * sizeof(int32_t));
  if (labels == NULL) fail("expected memory for %d labels, found less", options->count);
  int32_t *label = TF_TensorData(labels);
  for (int i = 0; i < options->count; i++) label[i] = options->label == -1 ? i % (int)shape[1] : options->label;
  return labels;
}

static TF_Tensor *run_graph(TF_Graph *graph, const TF_Output *inputs, TF_Tensor *const *values, int count,
                            TF_Output output, TF_Status *status) {
  TF_Tensor *result = NULL;
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session = TF_NewSession(graph, options, status);
  check(status, "TF_NewSession");
  TF_DeleteSessionOptions(options);
  TF_SessionRun(session, NULL, inputs, values, count, &output, &result, 1, NULL, 0, NULL, status);
  check(status, "TF_SessionRun");
  TF_CloseSession(session, status);
  check(status, "TF_CloseSession");
  TF_DeleteSession(session, status);
  check(status, "TF_DeleteSession");
  return result;
}

/* --------------------------------------------------------------------------------- images */

/* The byte for a value in [low, high]: clipped, then rounded to the nearest of 256 levels. */
static uint8_t to_byte(float value, float low, float high) {
  value = value < low ? low : value > high ? high : value;
  return (uint8_t)lrintf((value - low) * (255.0f / (high - low)));
}

/* Writes float32 images [N, height, width, channels] as a grid, its empty cells black. */
static void write_grid(const Options *options, const TF_Tensor *images) {
  if (TF_TensorType(images) != TF_FLOAT || TF_NumDims(images) != 4 || TF_Dim(images, 0) != options->count ||
      TF_Dim(images, 1) < 1 || TF_Dim(images, 1) > MAX_SIDE || TF_Dim(images, 2) < 1 ||
      TF_Dim(images, 2) > MAX_SIDE || (TF_Dim(images, 3) != 1 && TF_Dim(images, 3) != 3)) {
    fail("%s: expected float32 images [%d, height, width, 1 or 3]", options->graph, options->count);
  }
  const size_t count = (size_t)options->count, height = (size_t)TF_Dim(images, 1);
  const size_t width = (size_t)TF_Dim(images, 2), channels = (size_t)TF_Dim(images, 3);
  const size_t columns = (size_t)ceil(sqrt(options->count)), rows = (count + columns - 1) / columns;
  const size_t image_line = width * channels, grid_line = columns * image_line; /* bytes */
  const float *value = TF_TensorData(images); /* walks through all of them in their order */
  uint8_t *grid = allocate(grid_line * rows * height);
  memset(grid, 0, grid_line * rows * height);
  for (size_t i = 0; i < count; i++) {
    uint8_t *corner = grid + (i / columns) * height * grid_line + (i % columns) * image_line;
    for (size_t y = 0; y < height; y++) {
      for (size_t x = 0; x < image_line; x++, value++) {
        if (!isfinite(*value)) fail("%s: expected finite images, found %g in them", options->graph, *value);
        corner[y * grid_line + x] = to_byte(*value, options->low, options->high);
      }
    }
  }
  write_picture(options->out, grid, rows * height, columns * width, channels);
  printf("%s: %lu images [%lu, %lu, %lu], by TensorFlow %s\n", options->out, (unsigned long)count,
         (unsigned long)height, (unsigned long)width, (unsigned long)channels, TF_Version());
  free(grid);
}

int main(int argc, char **argv) {
  const Options options = parse_arguments(argc, argv);
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = load_graph(options.graph, status);
  const TF_Output noise = find_output(graph, options.graph, "inputs_noise");
  const TF_Output output = find_output(graph, options.graph, "images");

  TF_Tensor *z = make_noise(&options, find_z_dim(graph, noise, &options, status));
  TF_Tensor *labels = make_labels(graph, &options, status);
  const TF_Output inputs[2] = {noise, {TF_GraphOperationByName(graph, "inputs_labels"), 0}};
  TF_Tensor *const values[2] = {z, labels};
  TF_Tensor *images = run_graph(graph, inputs, values, labels == NULL ? 1 : 2, output, status);
  write_grid(&options, images);

  TF_DeleteTensor(images);
  if (labels != NULL) TF_DeleteTensor(labels);
  TF_DeleteTensor(z);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
