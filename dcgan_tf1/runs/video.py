"""Walks as a video: MP4 by ffmpeg, where that is at hand, or GIF."""

import importlib.util
import os
import shutil
import subprocess
import tempfile

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import replacing, write_bytes
from dcgan_tf1.util.images import MAX_FRAME_PIXELS, double, frames_as_gif, grid, square

STEPS = 60  # from one end of a walk to the other
FRAMES_PER_SECOND = 25  # as near to the usual ones as GIF's hundredths of a second allow


def find_encoder():
    """The path of ffmpeg, the system's or that of the package imageio-ffmpeg; None where there is none."""
    path = shutil.which('ffmpeg')
    if path is None and importlib.util.find_spec('imageio_ffmpeg') is not None:
        import imageio_ffmpeg  # noqa: PLC0415  optional
        try:
            path = imageio_ffmpeg.get_ffmpeg_exe()
        except RuntimeError:  # a package without the program
            return None
    return path


def writable_path(path):
    """(the path that a video can be written to here, why it is another than `path` or None)."""
    if path.lower().endswith('.gif') or find_encoder() is not None:
        return path, None
    gif = os.path.splitext(path)[0] + '.gif'
    return gif, 'in place of {}, for there is no ffmpeg (pip install imageio-ffmpeg)'.format(path)


def frames_of(images, steps):
    """All rows of `steps` images at a time, there and back: a list of pictures, uint8 [H, W, C], of even sides.

    Doubled in size, unless their sides are even already and they would then have more than MAX_FRAME_PIXELS.

    images: uint8 [rows * steps, H, W, C].
    """
    moments = [grid(images[moment::steps], square(len(images) // steps)) for moment in range(steps)]
    height, width = moments[0].shape[:2]
    if height % 2 or width % 2 or 4 * height * width <= MAX_FRAME_PIXELS:
        moments = list(map(double, moments))
    return moments + moments[-2:0:-1]


def save(path, frames):
    """Writes frames, uint8 [H, W, 1 or 3] each, as the file's extension says: a GIF, or an MP4 by ffmpeg."""
    if path.lower().endswith('.gif'):
        write_bytes(path, frames_as_gif(frames, [1000 // FRAMES_PER_SECOND] * len(frames)))
        return
    program = find_encoder()
    with replacing(path) as temporary:
        _encode(program, path, temporary, frames)


def _encode(program, path, temporary, frames):
    height, width, channels = frames[0].shape
    listed = subprocess.run([program, '-hide_banner', '-encoders'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL, check=False).stdout
    # Small images show what is lost: little may be.
    codec = ['libx264', '-crf', '12'] if b' libx264 ' in listed else ['mpeg4', '-q:v', '2']
    command = [program, '-y', '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'gray' if channels == 1 else 'rgb24',
               '-s', '{}x{}'.format(width, height), '-r', str(FRAMES_PER_SECOND), '-i', '-', '-an', '-c:v'] + codec + [
                   '-pix_fmt', 'yuv420p', '-movflags', '+faststart', '-f', 'mp4', 'file:' + temporary]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages)
        try:
            process.stdin.writelines(frame.tobytes() for frame in frames)
            process.stdin.close()
        except BrokenPipeError:  # it says why
            pass
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        messages.seek(0)
        lines = messages.read().decode('utf-8', 'replace').split('\n')
    if status:
        raise UserError('{}: expected a video from {}, found that it failed: {}'.format(
            path, program, next(filter(None, lines), 'status {}'.format(status))))
