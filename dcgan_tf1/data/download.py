"""One file from the first mirror that has it whole."""

import collections
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request

from tqdm import tqdm

from dcgan_tf1.util.files import CHUNK, remove_parts, replacing

TIMEOUT = 20  # seconds without a byte before a mirror is given up
_GIVEN_UP = 3600  # seconds without a byte after which nobody writes a file any more
SLOWEST = 1000  # bytes a second on average, after the first TIMEOUT seconds

# A file to be had: its name, SHA-256 and size in bytes.
RemoteFile = collections.namedtuple('RemoteFile', 'name sha256 size')


class DownloadError(Exception):
    """No mirror had the file; the message names each with its reason, on one line."""


class _MirrorError(Exception):
    pass


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no way from an encrypted address to one that is not."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if req.full_url.startswith('https:') and not newurl.startswith('https:'):
            raise urllib.error.URLError('it leads to {}, which is not encrypted'.format(newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SafeRedirects)


def fetch(remote, mirrors, folder, timeout=TIMEOUT, log=None):
    """Downloads `remote` into `folder`, trying `mirrors` (URLs ending in '/') in turn.

    The file takes its name only after its SHA-256 agreed; until then it has a temporary
    name that no reader looks for. Returns its path; raises DownloadError or OSError.
    """
    if log is not None:
        log('downloading {} into {}'.format(remote.name, folder))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, remote.name)
    remove_parts(folder, re.escape(remote.name), _GIVEN_UP)  # of processes that were killed
    failures = []
    for mirror in mirrors:
        try:
            with replacing(path) as temporary:
                _fetch_one(mirror + remote.name, remote, temporary, timeout)
            return path
        except _MirrorError as error:
            failures.append('{}: {}'.format(mirror + remote.name, error))
    raise DownloadError('; '.join(failures))


def _fetch_one(url, remote, path, timeout):
    digest, received, start = hashlib.sha256(), 0, time.monotonic()
    try:
        response = _OPENER.open(url, timeout=timeout)
    except (http.client.HTTPException, OSError) as error:
        raise _MirrorError(getattr(error, 'reason', None) or error)
    with response, open(path, 'wb') as handle, tqdm(
            total=remote.size, unit='B', unit_scale=True, desc=remote.name, disable=None) as bar:
        while True:
            try:
                chunk = response.read1(CHUNK)  # what there is: a drip must not hide between two looks at the clock
            except (http.client.HTTPException, OSError) as error:
                raise _MirrorError('broke off after {} of {} bytes ({})'.format(received, remote.size, error))
            if not chunk:
                break
            received += len(chunk)
            if received < SLOWEST * (time.monotonic() - start - timeout):
                raise _MirrorError('expected {} bytes a second or more, found {:.0f}'.format(
                    SLOWEST, received / (time.monotonic() - start)))
            if received > remote.size:
                raise _MirrorError('expected {} bytes, found more'.format(remote.size))
            handle.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
    if received != remote.size:
        raise _MirrorError('expected {} bytes, found {}'.format(remote.size, received))
    if digest.hexdigest() != remote.sha256:
        raise _MirrorError('expected SHA-256 {}, found {}'.format(remote.sha256, digest.hexdigest()))
