"""files.* and canvases.create: snippets, pictures and documents that show in threads.

https://docs.slack.dev/messaging/working-with-files
"""

from __future__ import annotations

import mimetypes
import secrets

from demo.workspace.api.chat import identified, post, writable
from demo.workspace.api.method import Arguments, Context, method
from demo.workspace.failure import SlackError
from demo.workspace.state import Json, Upload

ALT_CHARACTERS = 1000
SNIPPET_PREVIEW = 2000


@method("files.getUploadURLExternal", "files:write")
def get_upload_url(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/files.getUploadURLExternal"""
    name = arguments.required("filename")
    if arguments.number("length", 0) <= 0:
        raise SlackError("invalid_arguments", ["length must be greater than 0"])
    alt_text = arguments.text("alt_txt") or arguments.text("alt_text")
    if len(alt_text) > ALT_CHARACTERS:
        raise SlackError("alt_txt_too_large")
    upload = Upload(
        context.state.new_id("F"),
        name,
        secrets.token_urlsafe(24),
        context.directory.app.user_id,
        alt_text=alt_text,
        snippet_type=arguments.text("snippet_type"),
        mimetype=mimetypes.guess_type(name)[0] or "text/plain",
    )
    context.state.add_upload(upload)
    return {
        "file_id": upload.id,
        "upload_url": f"{context.base_url()}/upload/v1/{upload.ticket}",
    }


@method("files.completeUploadExternal", "files:write")
def complete_upload(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/files.completeUploadExternal"""
    entries = arguments.structure("files") or []
    uploads = []
    for entry in entries:
        upload = context.state.upload(str(entry.get("id")))
        if upload is None or upload.content is None:
            raise SlackError("file_not_found")
        upload.title = entry.get("title") or upload.name
        uploads.append(upload)
    if not uploads:
        raise SlackError("invalid_arguments", ["missing required field: files"])
    wanted = arguments.text("channel_id") or arguments.text("channels")
    for channel_id in wanted.replace(" ", "").split(",") if wanted else []:
        channel = writable(context, channel_id)
        for upload in uploads:
            upload.channels.append(channel)
        content = {
            "text": arguments.text("initial_comment"),
            "blocks": tuple(identified(context, arguments.structure("blocks") or [])),
            "files": tuple(file_payload(context, upload) for upload in uploads),
            "subtype": "file_share",
        }
        post(context, channel, content, arguments.text("thread_ts") or None)
    return {"files": [file_payload(context, upload) for upload in uploads]}


@method("files.info", "files:read")
def file_info(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/files.info"""
    upload = context.state.upload(arguments.required("file"))
    if upload is None:
        raise SlackError("file_not_found")
    return {"file": file_payload(context, upload)}


@method("canvases.create", "canvases:write")
def create_canvas(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/canvases.create"""
    content = arguments.structure("document_content") or {}
    if content and content.get("type") != "markdown":
        raise SlackError("canvas_creation_failed", ["document_content.type must be markdown"])
    title = arguments.text("title", "Untitled")
    upload = Upload(
        context.state.new_id("F"),
        f"{title}.md",
        secrets.token_urlsafe(24),
        context.directory.app.user_id,
        title=title,
        content=str(content.get("markdown", "")).encode(),
        mimetype="text/markdown",
    )
    context.state.add_upload(upload)
    channel_id = arguments.text("channel_id")
    if channel_id:
        post(
            context,
            writable(context, channel_id),
            {"files": (file_payload(context, upload),), "subtype": "file_share"},
            None,
        )
    return {"canvas_id": upload.id}


def file_payload(context: Context, upload: Upload) -> Json:
    """https://docs.slack.dev/reference/objects/file-object"""
    link = f"{context.base_url()}/files/{upload.id}/{upload.name}"
    body: Json = {
        "id": upload.id,
        "name": upload.name,
        "title": upload.title or upload.name,
        "mimetype": upload.mimetype,
        "filetype": upload.snippet_type or upload.name.rpartition(".")[2],
        "size": len(upload.content or b""),
        "user": upload.user,
        "mode": "hosted",
        "alt_txt": upload.alt_text,
        "url_private": link,
        "permalink": link,
    }
    if upload.is_text:
        text = (upload.content or b"").decode("utf-8", errors="replace")
        body["mode"] = "snippet"
        body["preview"] = text[:SNIPPET_PREVIEW]
        body["preview_is_truncated"] = len(text) > SNIPPET_PREVIEW
    return body
