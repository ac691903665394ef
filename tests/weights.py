"""Models that are here as far as their files' names and sizes tell."""

from longtake.models.table import FolderModel, Model, asset_path


def put_here(model: Model | FolderModel) -> None:
    """Files of the right sizes in the cache, which hold nothing."""
    for asset in model.files:
        path = asset_path(model, asset)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(asset.bytes)
