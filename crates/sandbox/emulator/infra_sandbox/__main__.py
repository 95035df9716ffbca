"""Starts the emulator: `python -m infra_sandbox --data-dir DIR [--port PORT]`."""

import argparse
import gc
import logging
import os
import signal
import sys
import uuid

from . import settings as setting


def main() -> None:
    # It outlives the terminal that it was started from, and what it holds is its owner's alone.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="infra_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--data-dir", required=True, help="folder for the registry's blobs")
    parser.add_argument("--instance-id", default=str(uuid.uuid4()))
    parser.add_argument(
        "--time-scale",
        default=os.environ.get(setting.TIME_SCALE_VARIABLE, str(setting.DEFAULT_TIME_SCALE)),
        help=f"factor on AWS's durations, 0 for none (also {setting.TIME_SCALE_VARIABLE})",
    )
    parser.add_argument("--port-file", help="file to write the port to, once it listens")
    arguments = parser.parse_args()
    time_scale = setting.a_duration(arguments.time_scale)
    if time_scale is None:
        parser.error(f"--time-scale must be a number that is not negative: {arguments.time_scale!r}")
    if problem := setting.start_with_durations(os.environ.get(setting.DURATIONS_VARIABLE) or "{}"):
        parser.error(f"{setting.DURATIONS_VARIABLE}: {problem}")

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    setting.prepare_environment()
    # Imported late: moto reads its environment when it is imported.
    import warnings

    warnings.filterwarnings("ignore", module="moto")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from waitress.server import create_server

    from .faults import THREADS, VARIABLE, WrongSetup, setup_of_environment
    from .middleware import Middleware

    settings = setting.Settings(arguments.instance_id, arguments.data_dir, time_scale)
    os.makedirs(settings.data_dir, exist_ok=True)
    app = Middleware(DomainDispatcherApplication(create_backend_app), settings)
    try:
        if setup := setup_of_environment():
            app.faults.set(setup)
    except WrongSetup as error:
        parser.error(f"{VARIABLE}: {error}")
    server = create_server(
        app,
        host="127.0.0.1",
        port=arguments.port,
        threads=THREADS,
        connection_limit=1000,
        channel_timeout=300,
        asyncore_use_poll=True,
        max_request_body_size=64 * 1024**3,
        ident=None,
        clear_untrusted_proxy_headers=True,
    )
    port = server.effective_port
    os.environ["MOTO_PORT"] = str(port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # moto is a hundred thousand objects that never go: to look at them again and again holds requests up.
    gc.collect()
    gc.freeze()
    if arguments.port_file:
        with open(f"{arguments.port_file}.new", "w") as file:
            file.write(str(port))
        os.replace(f"{arguments.port_file}.new", arguments.port_file)
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    server.run()


main()
