"""Counts down, a second apart: the reactor from Python, with nothing but ctypes."""

import ctypes
import sys

reactor = ctypes.CDLL("libswiftreactor.so.0")
callback_t = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
call = [callback_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
reactor.reactor_call_when_running.argtypes = [ctypes.c_void_p, *call]
reactor.reactor_call_later.argtypes = [ctypes.c_void_p, ctypes.c_int64, *call]
for name in ["reactor_run", "reactor_stop", "reactor_unref"]:
    getattr(reactor, name).argtypes = [ctypes.c_void_p]

counter = 5


@callback_t
def count(loop, _):
    global counter
    if counter == 0:
        return reactor.reactor_stop(loop)
    print(counter, "...", flush=True)
    counter -= 1
    return reactor.reactor_call_later(loop, 10**9, count, None, None, b"countdown", None)


shared = ctypes.c_void_p()
if reactor.reactor_shared(ctypes.byref(shared)) < 0:
    sys.exit("There is no reactor to be had.")
reactor.reactor_call_when_running(shared, count, None, None, b"countdown", None)
print("Start!", flush=True)
reactor.reactor_run(shared)
print("Stop!")
reactor.reactor_unref(shared)
