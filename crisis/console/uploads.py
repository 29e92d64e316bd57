"""Requests whose files may be large: they stream to the media folder's own disk, never into memory or /tmp."""

from __future__ import annotations

from typing import IO

from flask import Request, current_app

from crisis.console.here import runtime


class UploadRequest(Request):
    """Flask's request; where a view is marked with `guard.large_body`, its files land in the media folder."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        view = current_app.view_functions.get(self.endpoint or "")
        if getattr(view, "largest_body", None):
            return runtime().media.incoming()
        return super()._get_file_stream(total_content_length, content_type, filename, content_length)
