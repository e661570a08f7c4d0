"""Places on the map: images with a georeference, and files of features (GeoJSON, GeoPackage)."""
